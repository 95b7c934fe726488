package compat

// kind is a client and its way in: a row of the table.
type kind struct {
	client    string
	transport string
	driver    string // of drivers
	open      request

	speaks bool // Socket.IO: it signs in by name, and joins and leaves itself
	script bool // it is Socket.IO's own, for which the seed's page is written
	page   bool // it runs in a page, which can be reloaded
	offset bool // it hands back the offset of what it got last
}

func (k kind) is(other kind) bool { return k.client == other.client && k.transport == other.transport }

// drivers are the processes and goroutines that run clients.
const (
	inChromium = "chromium"
	inPython   = "python"
	inR3labs   = "r3labs/sse"
	inTmaxmax  = "tmaxmax/go-sse"
)

var (
	byPolling   = []string{"polling"}
	byWebSocket = []string{"websocket"}
)

// kinds are all clients that are expected to work.
func kinds() (all []kind) {
	add := func(k kind, family string) {
		k.open.Family = family
		all = append(all, k)
	}
	socketIO := func(k kind, family string) {
		k.speaks = true
		k.script = k.driver != inPython
		k.transport = "polling, then WebSocket"
		add(k, family)
		k.transport, k.open.Transports = "polling", byPolling
		add(k, family)
		k.transport, k.open.Transports = "WebSocket", byWebSocket
		add(k, family)
	}
	node := func(version, name, family string, offset bool) {
		socketIO(kind{client: "socket.io-client " + version, driver: name, offset: offset}, family)
	}
	node("4.8", "socket.io-client", "modern", true)
	node("4.0", "socket.io-client-4.0", "modern", false)
	node("3.1", "socket.io-client-3.1", "modern", false)
	node("2.5", "socket.io-client-2.5", "middle", false)
	node("1.7", "socket.io-client-1.7", "middle", false)
	ancient := func(k kind, transports ...string) {
		k.speaks, k.script = true, true
		for _, transport := range transports {
			k.transport, k.open.Transports = transport, []string{transport}
			add(k, "ancient")
		}
	}
	ancient(kind{client: "socket.io-client 0.9", driver: "socket.io-client-0.9"}, "websocket", "xhr-polling")
	socketIO(kind{client: "python-socketio", driver: inPython}, "socketio")

	chromium := func(client string, library string, offset bool) kind {
		return kind{client: client + ", Chromium", driver: inChromium, open: request{Library: library}, page: true, offset: offset}
	}
	browser := chromium("socket.io-client 4.8", "4.8", true)
	socketIO(browser, "modern")
	browser.client, browser.open.Credentials = "socket.io-client 4.8 with credentials, Chromium", true
	socketIO(browser, "modern")

	middle := chromium("socket.io-client 1.0", "1.0", false)
	socketIO(middle, "middle")
	middle.transport, middle.speaks, middle.script, middle.open.JSONP = "JSONP", true, true, true
	middle.open.Transports = byPolling
	middle.open.Own = true // when its transport closes it never stops to fail, and nothing else in its page gets on
	add(middle, "middle")
	ancient(chromium("socket.io-client 0.9", "0.9", false), "websocket", "xhr-polling", "jsonp-polling")

	source := chromium("EventSource", "", true)
	source.transport = "`/sse`"
	add(source, "eventSource")
	source.client, source.open.Credentials = "EventSource with credentials, Chromium", true
	add(source, "eventSource")
	socket := chromium("WebSocket", "", false)
	socket.transport = "`/ws`"
	add(socket, "webSocket")
	socket.client, socket.open.Credentials = "WebSocket with a cookie, Chromium", true
	add(socket, "webSocket")
	socket.transport, socket.open.Since, socket.offset = "`/ws` with `since`", true, true
	add(socket, "webSocket")

	add(kind{client: "python websockets", transport: "`/ws`", driver: inPython}, "plain")
	add(kind{client: "eventsource, npm", transport: "`/sse`", driver: "eventsource", offset: true}, "eventSource")
	add(kind{client: inR3labs + ", Go", transport: "`/sse`", driver: inR3labs, offset: true}, "")
	add(kind{client: inTmaxmax + ", Go", transport: "`/sse`", driver: inTmaxmax, offset: true}, "")
	return all
}

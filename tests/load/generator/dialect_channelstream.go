package generator

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
)

// channelstream speaks to this project: POST /connect, then GET /ws?conn_id=.
type channelstream struct {
	webSocket
	secret string
	noLog  bool
	lean   bool   // ask /connect not to list the users of the channel, as an app with large channels does
	run    string // keeps the names of one run from those of another on the same server

	mu         sync.Mutex
	configured map[uint32]bool
	signed     map[string]signed // by path
}

type signed struct {
	header string
	at     time.Time
}

func (c *channelstream) register(p *poster, client int, channel uint32) error {
	body := fmt.Appendf(nil, `{"user":"%s","conn_id":"%s","channels":["%s"]`,
		c.user(client), c.connID(client), channelName(channel))
	if c.noLog && c.first(channel) {
		body = fmt.Appendf(body, `,"channel_configs":{"%s":{"store_frames":false}}`, channelName(channel))
	}
	if c.lean {
		body = append(body, `,"info":{"include_users":false}`...)
	}
	return p.post("/connect", c.header("/connect"), append(body, '}'))
}

// registerWatcher tells the server of a client in all channels, which announce who comes and goes.
func (c *channelstream) registerWatcher(p *poster, client, channels int) error {
	names, configs := make([]string, channels), make(map[string]any, channels)
	for channel := range names {
		names[channel] = channelName(uint32(channel))
		configs[names[channel]] = map[string]bool{"notify_presence": true}
	}
	body, err := json.Marshal(map[string]any{
		"user": c.user(client), "conn_id": c.connID(client), "channels": names, "channel_configs": configs,
		"info": map[string]bool{"include_users": false},
	})
	if err != nil {
		return fmt.Errorf("register watcher: %w", err)
	}
	return p.post("/connect", c.header("/connect"), body)
}

// info asks who is where; the answer is in the poster.
func (c *channelstream) info(p *poster, body []byte) error {
	return p.post("/info", c.header("/info"), body)
}

// list asks for a page of a list of the admin page; it is in the poster.
func (c *channelstream) list(p *poster, list string, body []byte) error {
	path := "/admin/" + list
	return p.post(path, c.header(path), body)
}

// first reports whether the channel was not seen before: its settings are sent once, not with every client.
func (c *channelstream) first(channel uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.configured[channel] {
		return false
	}
	if c.configured == nil {
		c.configured = make(map[uint32]bool)
	}
	c.configured[channel] = true
	return true
}

// header returns the signature's line. One signature serves for some seconds, as an app may do too: what is measured is
// the server, which verifies every one.
func (c *channelstream) header(path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if s := c.signed[path]; now.Sub(s.at) < 10*time.Second {
		return s.header
	}
	if c.signed == nil {
		c.signed = make(map[string]signed)
	}
	s := signed{header: "x-channelstream-secret: " + signature.Sign(c.secret, path, now) + "\r\n", at: now}
	c.signed[path] = s
	return s.header
}

func (c *channelstream) user(client int) string { return fmt.Sprintf("user-%s-%d", c.run, client) }

func (c *channelstream) connID(client int) string { return fmt.Sprintf("conn-%s-%d", c.run, client) }

func (c *channelstream) path(client int, _ uint32, since uint64) string {
	path := "/ws?conn_id=" + c.connID(client)
	if since > 0 {
		path += "&since=" + strconv.FormatUint(since, 10)
	}
	return path
}

func (c *channelstream) post(p *poster, body []byte) error {
	return p.post("/message", c.header("/message"), body)
}

func (c *channelstream) appendList(dst []byte, channels []uint32, payloads [][]byte) []byte {
	return appendJSON(dst, channels, payloads)
}

// overSocketIO4 speaks to this project as a Socket.IO client by WebSocket only: POST /connect, then the namespace / with the
// conn_id.
type overSocketIO4 struct{ *channelstream }

func (c overSocketIO4) path(client int, _ uint32, _ uint64) string {
	return "/socket.io/?EIO=4&transport=websocket&conn_id=" + c.connID(client)
}

func (overSocketIO4) open(conn net.Conn, path string) ([]byte, error) {
	return socketio{}.open(conn, path)
}

// appendJSON appends the list of messages as an app posts it, to Channelstream and to Socket.IO alike.
func appendJSON(dst []byte, channels []uint32, payloads [][]byte) []byte {
	for i, payload := range payloads {
		dst = append(dst, "[,"[min(i, 1)])
		dst = append(dst, `{"channel":"`...)
		dst = appendChannel(dst, channels[i])
		dst = append(dst, `","user":"bench","message":"`...)
		dst = append(dst, payload...)
		dst = append(dst, `"}`...)
	}
	return append(dst, ']')
}

package socketio09

import (
	"encoding/json"
	"strconv"
)

// The encoders take arguments as valid JSON, and an endpoint as Decode returns it. Other strings may be any.

// AppendConnect appends the packet that says that an endpoint is connected: 1::/stream
func AppendConnect(dst []byte, endpoint string) []byte { return appendHead(dst, Connect, endpoint) }

// AppendDisconnect appends the packet that ends an endpoint, or all without one: 0::/stream
func AppendDisconnect(dst []byte, endpoint string) []byte {
	return appendHead(dst, Disconnect, endpoint)
}

// AppendHeartbeat appends the packet that asks for a sign of life: 2::
func AppendHeartbeat(dst []byte) []byte { return appendHead(dst, Heartbeat, "") }

// AppendNoop appends the packet that says nothing: 8::
func AppendNoop(dst []byte) []byte { return appendHead(dst, Noop, "") }

// Reasons of errors, by their numbers in the stock client.
const (
	TransportNotSupported = iota
	NotHandshaken
	Unauthorized
)

// AppendReconnect appends the packet that has a client come back with a new handshake: 7:::1+0
func AppendReconnect(dst []byte) []byte {
	return append(strconv.AppendInt(append(appendHead(dst, Error, ""), ':'), NotHandshaken, 10), "+0"...)
}

// AppendUnauthorized appends the packet that refuses an endpoint: 7::/stream:2+why not. The stock client raises
// connect_failed; the sentence stands where advice would, of which the only one that it knows is 0.
func AppendUnauthorized(dst []byte, endpoint, sentence string) []byte {
	dst = strconv.AppendInt(append(appendHead(dst, Error, endpoint), ':'), Unauthorized, 10)
	return append(append(dst, '+'), sentence...)
}

// AppendEvent appends an event: 5::/stream:{"name":"message","args":[…]}
func AppendEvent(dst []byte, endpoint, event string, args ...json.RawMessage) []byte {
	dst = appendString(append(appendHead(dst, Event, endpoint), `:{"name":`...), event)
	return append(appendArgs(append(dst, EventArgs[1:]...), args), EventEnd...)
}

// AppendAck appends the answer to a packet with this id: 6::/stream:7+[…], or 6::/stream:7 without arguments.
func AppendAck(dst []byte, endpoint string, id int64, args ...json.RawMessage) []byte {
	dst = strconv.AppendInt(append(appendHead(dst, Ack, endpoint), ':'), id, 10)
	if len(args) == 0 {
		return dst
	}
	return append(appendArgs(append(dst, "+["...), args), ']')
}

func appendArgs(dst []byte, args []json.RawMessage) []byte {
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, arg...)
	}
	return dst
}

// EventHead returns what stands before the name of an event: 5::/stream:{"name":" . It is made once and shared: head, a name that
// needs no escapes, EventArgs, one argument or more with commas between, and EventEnd are a whole packet.
func EventHead(endpoint string) []byte {
	return append(appendHead(nil, Event, endpoint), `:{"name":"`...)
}

// EventArgs stands between the name of an event and its arguments, and EventEnd behind these.
const (
	EventArgs = `","args":[`
	EventEnd  = "]}"
)

// appendHead appends what every packet of a server begins with; it asks for no acks.
func appendHead(dst []byte, t PacketType, endpoint string) []byte {
	return append(append(dst, '0'+byte(t), ':', ':'), endpoint...)
}

// appendString appends a JSON string that may stand in a script too.
func appendString(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always has a JSON form
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}

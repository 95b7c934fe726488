package socketio

import (
	"encoding/json"
	"strconv"
)

// The encoders take what they write raw, arguments and data, as valid JSON, and a namespace as Decode returns it.
// Other strings may be any: they are escaped, and bytes that are not UTF-8 become U+FFFD.

// AppendConnect appends the packet that opens a namespace: 0/stream,{"sid":"…","pid":"…"}. An empty pid is left out;
// then the client has no private id to recover its state with.
func AppendConnect(dst []byte, ns, sid, pid string) []byte {
	dst = appendHead(dst, Connect, ns)
	dst = appendString(append(dst, `{"sid":`...), sid)
	if pid != "" {
		dst = appendString(append(dst, `,"pid":`...), pid)
	}
	return append(dst, '}')
}

// AppendConnectError appends the packet that refuses a namespace: 4/stream,{"message":"…","data":…}. Empty data is
// left out. Clients raise an Error with this message and data.
func AppendConnectError(dst []byte, ns, message string, data json.RawMessage) []byte {
	dst = appendHead(dst, ConnectError, ns)
	dst = appendString(append(dst, `{"message":`...), message)
	if len(data) > 0 {
		dst = append(append(dst, `,"data":`...), data...)
	}
	return append(dst, '}')
}

// AppendDisconnect appends the packet that ends a namespace: 1/stream,.
func AppendDisconnect(dst []byte, ns string) []byte {
	return appendHead(dst, Disconnect, ns)
}

// AppendEvent appends an event: 2/stream,["message",arg,…].
func AppendEvent(dst []byte, ns, event string, args ...json.RawMessage) []byte {
	dst = appendString(append(appendHead(dst, Event, ns), '['), event)
	for _, arg := range args {
		dst = append(append(dst, ','), arg...)
	}
	return append(dst, ']')
}

// AppendAck appends the answer to an event with this id: 3/stream,7[arg,…].
func AppendAck(dst []byte, ns string, id int64, args ...json.RawMessage) []byte {
	dst = append(strconv.AppendInt(appendHead(dst, Ack, ns), id, 10), '[')
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, arg...)
	}
	return append(dst, ']')
}

// EventHead returns what stands before the name of an event: 2/stream,[" . It is made once and shared: head, a name that
// needs no escapes, `",`, one argument or more with commas between, and `]` are a whole packet.
func EventHead(ns string) []byte {
	return append(appendHead(nil, Event, ns), `["`...)
}

func appendHead(dst []byte, t PacketType, ns string) []byte {
	dst = append(dst, '0'+byte(t))
	if ns != Root && ns != "" {
		dst = append(append(dst, ns...), ',')
	}
	return dst
}

// AppendConnect4 appends the packet that opens a namespace in protocol 4: 0/stream,. It says nothing else.
func AppendConnect4(dst []byte, ns string) []byte { return appendHead(dst, Connect, ns) }

// AppendError4 appends the packet that refuses a namespace in protocol 4: 4/stream,"…". Clients raise it as the event error.
func AppendError4(dst []byte, ns, message string) []byte {
	return appendString(appendHead(dst, ConnectError, ns), message)
}

package engineio

import (
	"strconv"
	"time"
)

// Handshake is what the server tells a client at the start of a session (protocol, section "Handshake").
type Handshake struct {
	SID          string        // the session's id; every later request carries it in its query
	Upgrades     []string      // transports that the client may move to
	PingInterval time.Duration // between two pings of the server; sent in milliseconds
	PingTimeout  time.Duration // how long after a missing ping the client gives up; sent in milliseconds
	MaxPayload   int           // bytes that the server takes in one POST or frame
}

// AppendOpen appends the open packet, the first of a session:
//
//	0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
//
// SID and Upgrades are the server's own words of letters, digits, _ and -, and are written without escapes.
func AppendOpen(dst []byte, h Handshake) []byte {
	dst = append(dst, '0'+byte(Open))
	dst = append(dst, `{"sid":"`...)
	dst = append(dst, h.SID...)
	dst = append(dst, `","upgrades":[`...)
	for i, name := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), '"')
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, h.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, h.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, int64(h.MaxPayload), 10)
	return append(dst, '}')
}

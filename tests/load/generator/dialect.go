package generator

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// A dialect is what differs between the servers: how a client makes itself known, opens its socket, and how the app posts.
type dialect interface {
	// register tells the server of a client before it opens its socket.
	register(p *poster, client int, channel uint32) error
	// path is where the client's socket opens, to go on behind an offset; 0 for a client that was not here before.
	path(client int, channel uint32, since uint64) string
	// greet does what follows the upgrade until the client would be told that it is connected. Bytes after that are returned.
	greet(conn net.Conn, in []byte) (rest []byte, err error)
	// post publishes a request's body.
	post(p *poster, body []byte) error
	// appendList appends a request's body: one message for each payload.
	appendList(dst []byte, channels []uint32, payloads [][]byte) []byte
}

func newDialect(t Target, w Work) (dialect, error) {
	switch t.Dialect {
	case "channelstream":
		c := &channelstream{secret: t.Secret, noLog: t.NoLog, lean: w.Kind != Storm, run: strconv.FormatInt(time.Now().UnixNano(), 36)}
		if w.SocketIO {
			return overSocketIO{c}, nil
		}
		return c, nil
	case "socketio":
		return socketio{}, nil
	case "floor":
		return floor{envelope: t.Envelope}, nil
	}
	return nil, fmt.Errorf("unknown dialect %q", t.Dialect)
}

func appendChannel(dst []byte, channel uint32) []byte {
	return strconv.AppendUint(append(dst, "bench"...), uint64(channel), 10)
}

func channelName(channel uint32) string { return string(appendChannel(nil, channel)) }

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
	// open asks for the path on a new connection, and does what follows until the client would be told that it is connected. Bytes
	// after that are returned.
	open(conn net.Conn, path string) (rest []byte, err error)
	// next returns the frame that buf begins with. Without a whole one, its size is 0.
	next(buf []byte) (frame, error)
	// post publishes a request's body.
	post(p *poster, body []byte) error
	// appendList appends a request's body: one message for each payload.
	appendList(dst []byte, channels []uint32, payloads [][]byte) []byte
}

// newDialects returns a dialect for each of the work's kinds of clients, or the only one.
func newDialects(t Target, w Work) ([]dialect, error) {
	switch t.Dialect {
	case "channelstream":
		c := &channelstream{secret: t.Secret, noLog: t.NoLog, lean: w.Kind != Storm, run: strconv.FormatInt(time.Now().UnixNano(), 36)}
		return c.spokenBy(w.Clients)
	case "socketio":
		return []dialect{socketio{}}, nil
	case "floor":
		return []dialect{floor{envelope: t.Envelope}}, nil
	}
	return nil, fmt.Errorf("unknown dialect %q", t.Dialect)
}

// A webSocket is what the dialects of plain WebSockets have in common.
type webSocket struct{}

func (webSocket) open(conn net.Conn, path string) ([]byte, error) { return upgrade(conn, path) }

func (webSocket) next(buf []byte) (frame, error) { return nextFrame(buf) }

func appendChannel(dst []byte, channel uint32) []byte {
	return strconv.AppendUint(append(dst, "bench"...), uint64(channel), 10)
}

func channelName(channel uint32) string { return string(appendChannel(nil, channel)) }

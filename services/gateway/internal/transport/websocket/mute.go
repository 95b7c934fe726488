package websocket

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"time"
)

// muting hands out the connection of a request so that nothing but its handshake's answer is written through it. Later
// the session's shard is the one that writes; gorilla, which answers what breaks the protocol by itself, would write
// into the middle of a frame, and a write deadline that it sets would be the flusher's too.
type muting struct {
	http.ResponseWriter
	conn *muteConn // nil before Hijack
}

// Hijack takes over the connection.
func (w *muting) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	w.conn = &muteConn{Conn: conn}
	return w.conn, buffers, nil
}

// muteConn is a connection that can be read; what is written goes nowhere once it is mute.
type muteConn struct {
	net.Conn
	mute bool // set before it is shared
}

func (c *muteConn) Write(p []byte) (int, error) {
	if c.mute {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *muteConn) SetWriteDeadline(t time.Time) error {
	if c.mute {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

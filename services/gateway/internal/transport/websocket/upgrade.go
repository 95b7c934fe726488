// Package websocket holds WebSocket sessions: the handshake and reading with gorilla/websocket, writing with an outlet
// of its own that never waits for a client.
//
//	client                         gateway
//	  │ GET /ws?conn_id=…  Upgrade   │  the connection is attached first: a refusal is a plain HTTP answer
//	  │ ◄──────────────── 101        │  request, buffers and goroutine are let go; a small reader stays
//	  │ ◄── [m1,m2]  text frames     │  written by the shard
//	  │ ◄── ping        pong ──►     │  any frame from the client is a sign of life
//	  │ ◄── close 1000 "replaced"    │  the reason is one of contract's closed set
//
// Source: RFC 6455.
package websocket

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// closeWait is how long the client has to answer a close frame.
const closeWait = 2 * time.Second

// readBuffer is kept for each socket as long as it lives, so it is small; larger frames take more reads.
const readBuffer = 256

// Config says how sockets are opened.
type Config struct {
	Limits      socket.Limits
	MaxFrame    int  // bytes that a client may send in one message
	Compression bool // offer permessage-deflate (RFC 7692)
	CheckOrigin func(*http.Request) bool
}

// Upgrader makes sockets of requests.
type Upgrader struct {
	gorilla  websocket.Upgrader
	limits   socket.Limits
	maxFrame int64 // bytes of a message from the client, also when it is unpacked
}

// NewUpgrader makes an Upgrader.
func NewUpgrader(c Config) *Upgrader {
	return &Upgrader{
		gorilla: websocket.Upgrader{
			HandshakeTimeout: 10 * time.Second,
			ReadBufferSize:   readBuffer,
			WriteBufferSize:  readBuffer,
			WriteBufferPool:  &sync.Pool{},
			CheckOrigin:      c.CheckOrigin,

			EnableCompression: c.Compression,
		},
		limits: c.Limits, maxFrame: int64(c.MaxFrame),
	}
}

// Socket is an open WebSocket that has no session yet.
type Socket struct {
	ws       *websocket.Conn // reads
	conn     net.Conn        // writes
	handle   socket.Handle
	limits   *socket.Limits
	maxFrame int64
	deflated bool
}

// Way gives the way of the session's frames, compressed if the client has agreed to that.
func (s *Socket) Way(w frame.Way) frame.Way {
	if s.deflated {
		return w.Deflated()
	}
	return w
}

// offersDeflate says whether a client offers permessage-deflate; the upgrader accepts it then.
func offersDeflate(r *http.Request) bool {
	for _, list := range r.Header.Values("Sec-WebSocket-Extensions") {
		for _, offer := range strings.Split(list, ",") {
			name, _, _ := strings.Cut(offer, ";")
			if strings.TrimSpace(name) == "permessage-deflate" {
				return true
			}
		}
	}
	return false
}

// Upgrade answers the handshake; on an error it has answered the request.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Socket, error) {
	hijacker := &muting{ResponseWriter: w}
	ws, err := u.gorilla.Upgrade(hijacker, r, nil)
	if err != nil {
		return nil, fmt.Errorf("upgrade to a WebSocket: %w", err)
	}
	hijacker.conn.mute = true
	conn := hijacker.conn.Conn
	handle, err := socket.HandleOf(conn)
	if err != nil {
		conn.Close() //nolint:errcheck // it was never used
		return nil, fmt.Errorf("upgrade to a WebSocket: %w", err)
	}
	ws.SetReadLimit(u.maxFrame)
	return &Socket{
		ws: ws, conn: conn, handle: handle, limits: &u.limits, maxFrame: u.maxFrame,
		deflated: u.gorilla.EnableCompression && offersDeflate(r),
	}, nil
}

// Plain makes the way out of a session that gets bare lists.
func (s *Socket) Plain() *Outlet {
	return s.outlet(frame.AppendPing(nil), func(contract.Reason) []byte { return nil })
}

// Packets makes the way out of an Engine.IO session.
func (s *Socket) Packets(last Farewell) *Outlet {
	return s.outlet(frame.AppendText(nil, []byte{'0' + byte(engineio.Ping)}), last)
}

func (s *Socket) outlet(ping []byte, last Farewell) *Outlet {
	s.ReadUntil(time.Time{})
	return &Outlet{
		Stream: socket.NewStream(s.conn, s.handle, s.limits),
		ws:     s.ws, conn: s.conn, maxFrame: s.maxFrame, ping: ping, last: last,
	}
}

// WriteDirect writes a text frame at once, waiting for the client; only before the socket has a session.
func (s *Socket) WriteDirect(p []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(closeWait)); err != nil {
		return fmt.Errorf("write to a new socket: %w", err)
	}
	if _, err := s.conn.Write(frame.AppendText(nil, p)); err != nil {
		return fmt.Errorf("write to a new socket: %w", err)
	}
	return s.conn.SetWriteDeadline(time.Time{})
}

// ReadUntil bounds ReadDirect. It may be called while ReadDirect waits.
func (s *Socket) ReadUntil(at time.Time) {
	s.ws.SetReadDeadline(at) //nolint:errcheck // the connection is closed then, and reading says so
}

// ReadDirect reads one text message; only before the socket has a session.
func (s *Socket) ReadDirect() ([]byte, error) {
	_, r, err := s.ws.NextReader()
	if err != nil {
		return nil, fmt.Errorf("read from a new socket: %w", err)
	}
	p, err := io.ReadAll(&limited{r: r, left: s.maxFrame})
	if err != nil {
		return nil, fmt.Errorf("read from a new socket: %w", err)
	}
	return p, nil
}

// Close ends a socket that has no session.
func (s *Socket) Close() { s.ws.Close() } //nolint:errcheck // nothing is left to be done with it

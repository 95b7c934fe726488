// Package websocket holds WebSocket sessions: the handshake with gorilla/websocket, reading and writing with an outlet of
// its own that never waits for a client.
//
//	client                         gateway
//	  │ GET /ws?conn_id=…  Upgrade   │  the connection is attached first: a refusal is a plain HTTP answer,
//	  │                              │  or a close frame where a page has to know that it is for good
//	  │ ◄──────────────── 101        │  request, buffers and goroutine are let go; the shard takes over the socket
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
	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// closeWait is how long the client has to answer a close frame.
const closeWait = 2 * time.Second

// handshakeBuffer is for the answer to a handshake.
const handshakeBuffer = 512

// Config says how sockets are opened.
type Config struct {
	Limits      socket.Limits
	PerSecond   int  // messages that a client may send in a second; 0: no limit
	MaxFrame    int  // bytes that a client may send in one message
	Compression bool // offer permessage-deflate (RFC 7692)
	CheckOrigin func(*http.Request) bool
}

// Upgrader makes sockets of requests.
type Upgrader struct {
	gorilla  websocket.Upgrader
	limits   socket.Limits
	maxFrame int // bytes of a message from the client, also when it is unpacked
	most     int // messages in a second
}

// NewUpgrader makes an Upgrader.
func NewUpgrader(c Config) *Upgrader {
	return &Upgrader{
		gorilla: websocket.Upgrader{
			HandshakeTimeout: 10 * time.Second,
			ReadBufferSize:   handshakeBuffer,
			WriteBufferSize:  handshakeBuffer,
			WriteBufferPool:  &sync.Pool{},
			CheckOrigin:      c.CheckOrigin,

			EnableCompression: c.Compression,
		},
		limits: c.Limits, maxFrame: c.MaxFrame, most: c.PerSecond,
	}
}

// Socket is an open WebSocket that has no session yet.
type Socket struct {
	conn     net.Conn
	limits   *socket.Limits
	reader   rfc6455.Reader
	unheard  []byte // was read, but not looked at
	deflated bool
	most     int
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
	ws, err := u.gorilla.Upgrade(w, r, told(w.Header()))
	if err != nil {
		return nil, fmt.Errorf("upgrade to a WebSocket: %w", err)
	}
	deflated := u.gorilla.EnableCompression && offersDeflate(r)
	return &Socket{
		conn: ws.NetConn(), limits: &u.limits, reader: rfc6455.NewReader(u.maxFrame, deflated), deflated: deflated, most: u.most,
	}, nil
}

// told is what the answer to a handshake has beside its own headers.
func told(h http.Header) http.Header {
	if id := h[telemetry.HeaderRequest]; id != nil {
		return http.Header{telemetry.HeaderRequest: id}
	}
	return nil
}

// pingFrame asks for a sign of life, pingPacket asks for one in Engine.IO.
var (
	pingFrame  = frame.AppendPing(nil)
	pingPacket = frame.AppendText(nil, []byte{'0' + byte(engineio.Ping)})
)

// Plain makes the way out of a session that gets bare lists; its client has nothing to say.
func (s *Socket) Plain() *Outlet {
	return s.outlet(&Outlet{ping: pingFrame})
}

// Packets makes the way out of an Engine.IO session. It is read when the member resumes for the first time.
func (s *Socket) Packets(hear Listener, last Farewell) *Outlet {
	return s.Speaking(pingPacket, hear, last)
}

// Speaking is Packets for a session of another protocol, whose frame asks for a sign of life.
func (s *Socket) Speaking(ping []byte, hear Listener, last Farewell) *Outlet {
	return s.outlet(&Outlet{ping: ping, hear: hear, last: last, waits: true})
}

func (s *Socket) outlet(o *Outlet) *Outlet {
	o.Stream, o.reader, o.unheard, o.most = socket.NewStream(s.conn, s.limits), s.reader, s.unheard, s.most
	return o
}

// WriteDirect writes a text frame at once, waiting for the client; only before the socket has a session.
func (s *Socket) WriteDirect(p []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(closeWait)); err != nil {
		return fmt.Errorf("write to a new socket: %w", err)
	}
	if _, err := s.conn.Write(frame.AppendText(nil, p)); err != nil {
		return fmt.Errorf("write to a new socket: %w", err)
	}
	return nil
}

// ReadUntil bounds ReadDirect. It may be called while ReadDirect waits.
func (s *Socket) ReadUntil(at time.Time) {
	s.conn.SetReadDeadline(at) //nolint:errcheck // the connection is closed then, and reading says so
}

// ReadDirect reads one text message; only before the socket has a session.
func (s *Socket) ReadDirect() ([]byte, error) {
	for {
		m, used, whole, err := s.reader.Next(s.unheard)
		s.unheard = s.unheard[used:]
		switch {
		case err != nil:
			return nil, fmt.Errorf("read from a new socket: %w", err)
		case whole && m.Kind == rfc6455.Text:
			return m.Data, nil
		case whole && m.Kind == rfc6455.Close:
			return nil, fmt.Errorf("read from a new socket: %w", io.EOF)
		case whole:
			continue
		}
		buffer := make([]byte, handshakeBuffer)
		n, err := s.conn.Read(buffer)
		if n == 0 && err != nil {
			return nil, fmt.Errorf("read from a new socket: %w", err)
		}
		s.unheard = buffer[:n]
	}
}

// Dismiss closes a socket that has no session, with a close frame, and waits a moment for the client's.
func (s *Socket) Dismiss(reason contract.Reason) {
	defer s.Close()
	deadline := time.Now().Add(closeWait)
	if s.conn.SetDeadline(deadline) != nil {
		return
	}
	if _, err := s.conn.Write(frame.AppendClose(nil, reason.CloseCode(), string(reason))); err != nil {
		return
	}
	for time.Now().Before(deadline) {
		if _, err := s.ReadDirect(); err != nil {
			return
		}
	}
}

// Close ends a socket that has no session.
func (s *Socket) Close() { s.conn.Close() } //nolint:errcheck // nothing is left to be done with it

package gatewaytest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func escape(text string) string { return url.QueryEscape(text) }

// Socket is a WebSocket client of which a test sends and reads each frame.
type Socket struct {
	*websocket.Conn
	t testing.TB
}

// Plain opens /ws.
func (g *Gateway) Plain(connID string) *Socket {
	g.t.Helper()
	return g.Dial("/ws?conn_id=" + escape(connID))
}

// Engine opens an Engine.IO session as a WebSocket and reads the open packet. query is added to the URL's.
func (g *Gateway) Engine(query string) *Socket {
	g.t.Helper()
	s := g.Dial("/socket.io/?EIO=4&transport=websocket&" + query)
	if open := s.Next(); !strings.HasPrefix(open, `0{"sid":"`) {
		g.t.Fatalf("the first packet is %s", open)
	}
	return s
}

// Stream opens an Engine.IO session as a WebSocket and connects a user to /stream.
func (g *Gateway) Stream(user string) *Socket {
	g.t.Helper()
	s := g.Engine(Credentials(user))
	s.Send("40/stream,")
	s.Want(`40/stream,{"sid":"`)
	return s
}

// Dial opens a WebSocket.
func (g *Gateway) Dial(path string) *Socket {
	g.t.Helper()
	s, response, err := g.TryDial(path)
	if err != nil {
		g.t.Fatalf("dial %s: %v %v", path, err, response)
	}
	return s
}

// TryDial is Dial for a caller that expects it to fail. headers are names and values by turns.
func (g *Gateway) TryDial(path string, headers ...string) (*Socket, *http.Response, error) {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	ws, response, err := websocket.DefaultDialer.DialContext(g.t.Context(), "ws"+strings.TrimPrefix(g.URL, "http")+path, header)
	if err != nil {
		return nil, response, err
	}
	g.t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the test is over
	return &Socket{Conn: ws, t: g.t}, response, ws.SetReadDeadline(time.Now().Add(Patience))
}

// Send sends text frames.
func (s *Socket) Send(frames ...string) {
	s.t.Helper()
	for _, text := range frames {
		if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			s.t.Fatalf("send %.100s: %v", text, err)
		}
	}
}

// Next gives the next frame.
func (s *Socket) Next() string {
	s.t.Helper()
	_, text, err := s.ReadMessage()
	if err != nil {
		s.t.Fatalf("read: %v", err)
	}
	return string(text)
}

// Want fails unless the next frame begins with this; it gives the frame.
func (s *Socket) Want(begin string) string {
	s.t.Helper()
	got := s.Next()
	if !strings.HasPrefix(got, begin) {
		s.t.Fatalf("got %.200s, want %s", got, begin)
	}
	return got
}

// WantClose reads up to the close frame, passing over other frames, and fails unless it is this one.
func (s *Socket) WantClose(code int, reason string) {
	s.t.Helper()
	for {
		_, _, err := s.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case err == nil:
		case errors.As(err, &closed) && closed.Code == code && closed.Text == reason:
			return
		default:
			s.t.Fatalf("got %v, want the close frame %d %s", err, code, reason)
		}
	}
}

// Drop closes the socket as a network does, without a word.
func (s *Socket) Drop() {
	s.t.Helper()
	if err := s.NetConn().Close(); err != nil {
		s.t.Fatal(err)
	}
}

// WantNothing fails if a frame comes before the answer to a ping, which comes behind all that was sent before.
func (s *Socket) WantNothing() {
	s.t.Helper()
	answered := errors.New("answered")
	s.SetPongHandler(func(string) error { return answered })
	if err := s.WriteControl(websocket.PingMessage, nil, time.Now().Add(Patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, text, err := s.ReadMessage(); err == nil {
		s.t.Fatalf("got %.200s, want nothing", text)
	} else if !errors.Is(err, answered) {
		s.t.Fatal(err)
	}
}

// Poller is an Engine.IO session that polls.
type Poller struct {
	SID  string
	path string // without the sid
	g    *Gateway
}

// Polling is the query of every request that polls, Polling3 that of Engine.IO 3.
const (
	Polling  = "/socket.io/?EIO=4&transport=polling"
	Polling3 = "/socket.io/?EIO=3&transport=polling&b64=1"
)

// Poller opens a session. query is added to the URL's.
func (g *Gateway) Poller(query string) *Poller {
	g.t.Helper()
	return g.poller(Polling, query)
}

// Poller3 opens a session of Engine.IO 3, whose payloads have each packet behind its length.
func (g *Gateway) Poller3(query string) *Poller {
	g.t.Helper()
	return g.poller(Polling3, query)
}

func (g *Gateway) poller(path, query string) *Poller {
	g.t.Helper()
	answer := g.Request(http.MethodGet, path+"&"+query, "")
	var open struct{ SID string }
	_, packet, _ := strings.Cut(answer.Body, "0{")
	if err := json.Unmarshal([]byte("{"+packet), &open); err != nil || open.SID == "" {
		g.t.Fatalf("the handshake was answered with %d %s", answer.Status, answer.Body)
	}
	return &Poller{SID: open.SID, path: path, g: g}
}

// StreamPoller opens a session and connects a user to /stream.
func (g *Gateway) StreamPoller(user string) *Poller {
	g.t.Helper()
	p := g.Poller(Credentials(user))
	p.Send("40/stream,")
	p.Want(`40/stream,{"sid":"`)
	return p
}

// Path is where the session polls.
func (p *Poller) Path() string { return p.path + "&sid=" + p.SID }

// Poll makes one poll.
func (p *Poller) Poll() Answer {
	p.g.t.Helper()
	return p.g.Request(http.MethodGet, p.Path(), "")
}

// Post posts a payload.
func (p *Poller) Post(payload string) Answer {
	p.g.t.Helper()
	return p.g.Request(http.MethodPost, p.Path(), payload)
}

// Send posts a payload that is to be taken.
func (p *Poller) Send(payload string) {
	p.g.t.Helper()
	if answer := p.Post(payload); answer.Status != http.StatusOK || answer.Body != "ok" {
		p.g.t.Fatalf("post %.100s: %d %s", payload, answer.Status, answer.Body)
	}
}

// Want polls once and fails unless the answer begins with this; it gives the answer's body.
func (p *Poller) Want(begin string) string {
	p.g.t.Helper()
	answer := p.Poll()
	if answer.Status != http.StatusOK || !strings.HasPrefix(answer.Body, begin) {
		p.g.t.Fatalf("the poll was answered with %d %.200s, want %s", answer.Status, answer.Body, begin)
	}
	return answer.Body
}

// WantGone polls once and fails unless the session is no longer known.
func (p *Poller) WantGone() {
	p.g.t.Helper()
	if answer := p.Poll(); answer.Status != http.StatusBadRequest || answer.Body != `{"code":1,"message":"Session ID unknown"}` {
		p.g.t.Fatalf("the poll was answered with %d %.200s, want 400", answer.Status, answer.Body)
	}
}

// Upgrade opens the WebSocket that a session moves to.
func (p *Poller) Upgrade() *Socket {
	p.g.t.Helper()
	return p.g.Dial(strings.Replace(p.Path(), "transport=polling", "transport=websocket", 1))
}

package harness

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/tests/described"
)

// Message is one object of the lists that clients get.
type Message struct {
	UUID    string          `json:"uuid"`
	Type    string          `json:"type"`
	User    string          `json:"user"`
	Channel *string         `json:"channel"`
	Message json.RawMessage `json:"message"`
}

// Text is the content of a message that is a string.
func (m Message) Text() string {
	var text string
	if json.Unmarshal(m.Message, &text) != nil {
		return string(m.Message)
	}
	return text
}

// In is the channel of the message; empty for a private one.
func (m Message) In() string {
	if m.Channel == nil {
		return ""
	}
	return *m.Channel
}

// Socket is a client's plain WebSocket. It collects what comes.
type Socket struct {
	t       testing.TB
	witness *described.Witness
	ws      *websocket.Conn
	gone    chan struct{} // closed when the socket is

	mu       sync.Mutex
	messages []Message             // guarded by mu
	closing  *websocket.CloseError // guarded by mu; nil while it is open and after an end without a close frame
	changed  chan struct{}         // guarded by mu; closed and replaced at each change
}

// Open opens the socket of a connection at a gateway, until the end of the test.
func Open(t testing.TB, gateway *Node, connID string) *Socket {
	t.Helper()
	s, status := TryOpen(t, gateway, connID)
	if s == nil {
		t.Fatalf("open a socket at %s: status %d", gateway.Name, status)
	}
	return s
}

// TryOpen is Open that gives nil and the HTTP status when it is refused; 0 for no answer.
func TryOpen(t testing.TB, gateway *Node, connID string) (s *Socket, status int) {
	t.Helper()
	return TryOpenAt(t, gateway.URL(), connID)
}

// TryOpenAt is TryOpen at a URL, which may be that of a System.
func TryOpenAt(t testing.TB, at, connID string) (s *Socket, status int) {
	t.Helper()
	ws, status := dial(t, at, "/ws?conn_id="+url.QueryEscape(connID))
	if ws == nil {
		return nil, status
	}
	s = &Socket{t: t, witness: described.Watch(t), ws: ws, gone: make(chan struct{}), changed: make(chan struct{})}
	go s.read() // ends with the socket
	t.Cleanup(s.Drop)
	return s, status
}

// Refused opens a socket that is refused for good, and gives the word for that.
func Refused(t testing.TB, gateway *Node, connID string) string {
	t.Helper()
	s, status := TryOpen(t, gateway, connID)
	if s == nil {
		t.Fatalf("a socket was answered with %d", status)
	}
	return s.AwaitClose()
}

func dial(t testing.TB, at, path string) (*websocket.Conn, int) {
	t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	ws, response, err := dialer.Dial("ws"+strings.TrimPrefix(at, "http")+path, nil)
	seeHandshake(t, at, response)
	if err == nil {
		return ws, http.StatusSwitchingProtocols
	}
	if response == nil {
		return nil, 0
	}
	return nil, response.StatusCode
}

// seeHandshake holds the answer to a handshake against its description. gorilla has read the body of a refusal.
func seeHandshake(t testing.TB, at string, response *http.Response) {
	t.Helper()
	server, err := url.Parse(at)
	if response == nil || err != nil {
		return
	}
	e := described.Exchange{
		Method: http.MethodGet, URL: response.Request.URL, Header: response.Request.Header, Base: server.Path,
		Status: response.StatusCode, Answer: response.Header,
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		e.Got, _ = io.ReadAll(response.Body) // it is in memory
	}
	described.Watch(t).Exchange(e)
}

func (s *Socket) read() {
	defer close(s.gone)
	for {
		_, p, err := s.ws.ReadMessage()
		if err != nil {
			s.change(func() { errors.As(err, &s.closing) })
			return
		}
		s.witness.List(p)
		var list []Message
		if err := json.Unmarshal(p, &list); err != nil {
			s.t.Errorf("a frame is no list of messages: %v: %.200s", err, p)
		}
		s.change(func() { s.messages = append(s.messages, list...) })
	}
}

func (s *Socket) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Drop cuts the connection without a word, as a lost network does, and waits.
func (s *Socket) Drop() {
	s.ws.Close() //nolint:errcheck // it may have ended by itself
	<-s.gone
}

// Messages is what has come.
func (s *Socket) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Count is how many messages have come.
func (s *Socket) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// Texts is what the messages say that have come.
func (s *Socket) Texts() []string {
	var texts []string
	for _, m := range s.Messages() {
		texts = append(texts, m.Text())
	}
	return texts
}

// Await waits until a message says this and gives what all have said up to then.
func (s *Socket) Await(text string) []string {
	s.t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		texts := s.Texts()
		for i := range texts {
			if texts[i] == text {
				return texts[:i+1]
			}
		}
		select {
		case <-changed:
		case <-s.gone:
			s.t.Fatalf("the socket closed (%v) before %q came; got %q", s.closing, text, s.Texts())
		case <-deadline.C:
			s.t.Fatalf("waited in vain for %q; got %q", text, texts)
		}
	}
}

// AwaitClose waits until the server has closed the socket, and gives the reason in its close frame.
func (s *Socket) AwaitClose() string {
	s.t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	select {
	case <-s.gone:
	case <-deadline.C:
		s.t.Fatal("waited in vain for the socket to be closed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == nil {
		return ""
	}
	return s.closing.Text
}

// IsOpen says whether the socket has not been closed.
func (s *Socket) IsOpen() bool {
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

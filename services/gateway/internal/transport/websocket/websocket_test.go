package websocket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

type uncounted struct{}

func (uncounted) Opened(string)                  {}
func (uncounted) Closed(string, contract.Reason) {}
func (uncounted) Upgraded(string, string)        {}
func (uncounted) Batch(int)                      {}
func (uncounted) Delay(time.Duration)            {}

// stage is a hub whose members are plain WebSockets over loopback, all in one topic.
type stage struct {
	t       *testing.T
	url     string
	hub     *hub.Hub
	topic   *hub.Topic
	members chan *hub.Member
	ended   chan contract.Reason
	heard   chan string
}

// onEachPoller tells a story with sockets that the kernel is asked for at once, and with a goroutine for each.
func onEachPoller(t *testing.T, limits socket.Limits, story func(t *testing.T, s *stage)) {
	t.Helper()
	pollers := map[string]func() (socket.Poller, error){
		"best": socket.NewPoller, "watchers": func() (socket.Poller, error) { return socket.NewWatchers(), nil },
	}
	for name, poller := range pollers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, newStage(t, limits, poller))
		})
	}
}

func newStage(t *testing.T, limits socket.Limits, poller func() (socket.Poller, error)) *stage {
	t.Helper()
	s := &stage{t: t, members: make(chan *hub.Member, 8), ended: make(chan contract.Reason, 8), heard: make(chan string, 64)}
	s.hub = hub.New(hub.Config{
		Shards: 1, HeartbeatEvery: time.Hour, HeartbeatTimeout: 100 * time.Millisecond, Observer: uncounted{},
		Poller: poller,
	})
	s.topic = s.hub.NewTopic("news", "s.news")
	upgrader := websocket.NewUpgrader(websocket.Config{
		Limits: limits, MaxFrame: 1024, PerSecond: 500, CheckOrigin: func(*http.Request) bool { return true },
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(upgrader, w, r) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.hub.Run(ctx) }() //nolint:errcheck // it has no error to give
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func (s *stage) serve(u *websocket.Upgrader, w http.ResponseWriter, r *http.Request) {
	socket, err := u.Upgrade(w, r)
	if err != nil {
		return
	}
	hear := func(text []byte) (contract.Reason, bool) {
		s.heard <- string(text)
		switch string(text) {
		case "bye":
			return contract.ReasonClosed, false
		case "ask":
			return "", true
		}
		return "", false
	}
	m := s.hub.Open(socket.Packets(hear, nil), frame.Lists, "ws", func(reason contract.Reason, _ uint64) { s.ended <- reason })
	m.Resume("")
	if err := m.Change(r.Context(), hub.Change{User: "u", Join: []*hub.Topic{s.topic}}); err != nil {
		s.t.Errorf("enter: %v", err)
	}
	s.members <- m
}

// dial opens a client.
func (s *stage) dial() (*gorilla.Conn, *hub.Member) {
	s.t.Helper()
	ws, _, err := gorilla.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the test is over
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return ws, <-s.members
}

func (s *stage) wantEnd(reason contract.Reason) {
	s.t.Helper()
	select {
	case got := <-s.ended:
		if got != reason {
			s.t.Errorf("the session ended with %q, want %q", got, reason)
		}
	case <-time.After(patience):
		s.t.Fatalf("the session did not end with %q", reason)
	}
}

func wantClose(t *testing.T, ws *gorilla.Conn, code int, reason string) {
	t.Helper()
	_, _, err := ws.ReadMessage()
	var closed *gorilla.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Text != reason {
		t.Errorf("got %v, want the close frame %d %s", err, code, reason)
	}
}

const roomy = 1 << 30

func generous() socket.Limits {
	return socket.Limits{BacklogBytes: roomy, BacklogAge: time.Minute}
}

// many messages are 16 MB, more than kernels keep for two sockets.
const many = 4000

// flood publishes n numbered messages of 4 KiB.
func (s *stage) flood(n int) {
	pad := strings.Repeat("x", 4096)
	for i := range n {
		s.hub.Publish(s.topic, hub.Message{Message: frame.Message{Body: fmt.Appendf(nil, `{"n":%d,"pad":%q}`, i, pad)}})
	}
}

// count reads lists up to message n-1 and fails unless the numbers follow each other.
func count(t *testing.T, ws *gorilla.Conn, n int) {
	t.Helper()
	for next := 0; next < n; {
		_, p, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("after %d messages: %v", next, err)
		}
		var list []struct{ N int }
		if err := json.Unmarshal(p, &list); err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if m.N != next {
				t.Fatalf("message %d came after %d", m.N, next-1)
			}
			next++
		}
	}
}

func TestABacklogIsDeliveredInOrder(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, m := s.dial()
		s.flood(many)
		if err := m.Change(t.Context(), hub.Change{}); err != nil { // the shard has not waited for the client
			t.Fatal(err)
		}
		count(t, ws, many)
		s.flood(1)
		count(t, ws, 1)
	})
}

func TestASlowConsumerIsClosedByTheSizeOfItsBacklog(t *testing.T) {
	t.Parallel()
	onEachPoller(t, socket.Limits{BacklogBytes: 64 << 10, BacklogAge: time.Hour}, func(t *testing.T, s *stage) {
		_, _ = s.dial()
		s.flood(many)
		s.wantEnd(contract.ReasonSlowConsumer)
	})
}

func TestASlowConsumerIsClosedByTheAgeOfItsBacklog(t *testing.T) {
	t.Parallel()
	onEachPoller(t, socket.Limits{BacklogBytes: roomy, BacklogAge: 200 * time.Millisecond}, func(t *testing.T, s *stage) {
		_, _ = s.dial()
		s.flood(many)
		s.wantEnd(contract.ReasonSlowConsumer)
	})
}

func TestASlowConsumerDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		_, _ = s.dial()
		quick, _ := s.dial()
		s.flood(many)
		count(t, quick, many)
	})
}

func TestACloseSaysWhyAndTheConnectionEndsWithTheAnswer(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		for _, reason := range []contract.Reason{contract.ReasonReplaced, contract.ReasonDraining, contract.ReasonHeartbeatTimeout} {
			ws, m := s.dial()
			m.Close(reason)
			wantClose(t, ws, reason.CloseCode(), string(reason)) // the library answers with a close frame
			s.wantEnd(reason)
			if n, err := ws.NetConn().Read(make([]byte, 1)); err == nil {
				t.Errorf("%s: %d bytes came after the close frame", reason, n)
			}
		}
	})
}

func TestACloseComesBehindTheBacklog(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, m := s.dial()
		s.flood(many)
		m.Close(contract.ReasonDisconnected)
		count(t, ws, many)
		wantClose(t, ws, 1000, "disconnected")
		s.wantEnd(contract.ReasonDisconnected)
	})
}

func TestACloseOfTheClientIsAnswered(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		if err := ws.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(1001, "going"), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		wantClose(t, ws, 1000, "closed")
		s.wantEnd(contract.ReasonClosed)
	})
}

func TestAClientThatIsLostEndsItsSession(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		ws.Close() //nolint:errcheck // to break it is what the test wants
		s.wantEnd(contract.ReasonClosed)
	})
}

func TestTheSessionMayEndTheSocketByAMessage(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		if err := ws.WriteMessage(gorilla.TextMessage, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		wantClose(t, ws, 1000, "closed")
		s.wantEnd(contract.ReasonClosed)
	})
}

// The rest of a large message is read away, so that the close frame is not lost in a reset.
func TestAMessageThatIsTooLargeIsClosedFor(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		if err := ws.WriteMessage(gorilla.TextMessage, bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			t.Fatal(err)
		}
		wantClose(t, ws, 1009, "too_large")
		s.wantEnd(contract.ReasonTooLarge)
	})
}

func TestWhatBreaksTheProtocolIsClosedFor(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		for name, raw := range map[string][]byte{
			"no mask":             {0x81, 0x01, 'x'},
			"reserved bits":       {0xF1, 0x80, 0, 0, 0, 0},
			"unknown opcode":      {0x83, 0x80, 0, 0, 0, 0},
			"fragmented ping":     {0x09, 0x80, 0, 0, 0, 0},
			"long ping":           {0x89, 0xFE, 0, 126, 0, 0, 0, 0},
			"lonely continuation": {0x80, 0x80, 0, 0, 0, 0},
			"close code 1005":     {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xED},
		} {
			ws, _ := s.dial()
			if _, err := ws.NetConn().Write(raw); err != nil {
				t.Fatal(err)
			}
			_, _, err := ws.ReadMessage()
			var closed *gorilla.CloseError
			if !errors.As(err, &closed) || closed.Code != 1002 || closed.Text != "protocol_error" {
				t.Errorf("%s: got %v, want the close frame 1002 protocol_error", name, err)
			}
			s.wantEnd(contract.ReasonProtocolError)
		}
	})
}

func TestTextThatIsNotUTF8IsClosedFor(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		for name, raw := range map[string][]byte{
			"text":         {0x81, 0x81, 0, 0, 0, 0, 0xFF},
			"close reason": {0x88, 0x83, 0, 0, 0, 0, 0x03, 0xE8, 0xFF},
		} {
			ws, _ := s.dial()
			if _, err := ws.NetConn().Write(raw); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			wantClose(t, ws, 1007, "invalid_payload")
			s.wantEnd(contract.ReasonInvalidPayload)
		}
	})
}

func TestNothingIsWrittenBetweenTheFramesOfABacklog(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		s.flood(many)
		if _, err := ws.NetConn().Write([]byte{0x83, 0x80, 0, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		for { // as long as the client has not taken the backlog, what it says is not read
			_, p, err := ws.ReadMessage()
			var closed *gorilla.CloseError
			if errors.As(err, &closed) {
				if closed.Code != 1002 || closed.Text != "protocol_error" {
					t.Errorf("closed with %v", err)
				}
				s.wantEnd(contract.ReasonProtocolError)
				return
			}
			if err != nil || !json.Valid(p) {
				t.Fatalf("the stream is broken: %.100s, %v", p, err)
			}
		}
	})
}

func TestAPingIsAnsweredWithItsData(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		got := make(chan string, 1)
		ws.SetPongHandler(func(data string) error { got <- data; return nil })
		if err := ws.WriteControl(gorilla.PingMessage, []byte("hello"), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := ws.WriteMessage(gorilla.TextMessage, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		wantClose(t, ws, 1000, "closed")
		if data := <-got; data != "hello" {
			t.Errorf("the pong holds %q", data)
		}
	})
}

// RFC 6455 section 5.5.3: a pong for the newest of several pings is enough.
func TestManyPingsAtOnceAreAnsweredOnce(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		var pings []byte
		for n := range 100 { // masked with nothing
			pings = append(pings, 0x89, 0x82, 0, 0, 0, 0, 'a', byte(n))
		}
		if _, err := ws.NetConn().Write(append(pings, 0x81, 0x83, 0, 0, 0, 0, 'b', 'y', 'e')); err != nil {
			t.Fatal(err)
		}
		var pongs []string
		ws.SetPongHandler(func(data string) error { pongs = append(pongs, data); return nil })
		wantClose(t, ws, 1000, "closed")
		if n := len(pongs); n == 0 || n > 50 || pongs[n-1] != "a\x63" {
			t.Errorf("100 pings were answered with %q", pongs)
		}
	})
}

func TestAClientThatWaitsForAnAnswerIsNotRead(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, m := s.dial()
		for _, text := range []string{"ask", "one", "two"} {
			if err := ws.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if text := <-s.heard; text != "ask" {
			t.Fatalf("heard %q", text)
		}
		s.hub.Publish(s.topic, hub.Message{Message: frame.Message{Body: []byte(`{"n":0}`)}})
		count(t, ws, 1) // what it gets does not wait
		select {
		case text := <-s.heard:
			t.Errorf("heard %q before the answer", text)
		default:
		}
		m.Resume("")
		for _, want := range []string{"one", "two"} {
			if text := <-s.heard; text != want {
				t.Errorf("heard %q, want %q", text, want)
			}
		}
	})
}

func TestAClientThatGoesWhileItWaitsForAnAnswerIsNoticed(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, m := s.dial()
		if err := ws.WriteMessage(gorilla.TextMessage, []byte("ask")); err != nil {
			t.Fatal(err)
		}
		<-s.heard
		ws.Close() //nolint:errcheck // to break it is what the test wants
		s.wantEnd(contract.ReasonClosed)
		m.Resume("")
	})
}

func TestAClientThatSendsTooManyMessagesASecondIsClosed(t *testing.T) {
	t.Parallel()
	onEachPoller(t, generous(), func(t *testing.T, s *stage) {
		ws, _ := s.dial()
		go func() {
			for ws.WriteControl(gorilla.PingMessage, nil, time.Now().Add(patience)) == nil {
			}
		}()
		wantClose(t, ws, 1008, "rate_limited")
		s.wantEnd(contract.ReasonRateLimited)
	})
}

package flood

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// newGateway starts a gateway whose memory is its own: NATS is in the process of the test, the others in theirs.
func newGateway(t *testing.T, options ...harness.Option) *server {
	t.Helper()
	options = append([]harness.Option{
		harness.Setting("HEARTBEAT_INTERVAL", time.Second), harness.Setting("HEARTBEAT_TIMEOUT", 5*time.Second),
		harness.Setting("LINGER", time.Minute), harness.Setting("CONNECT_TIMEOUT", 5*time.Minute),
		harness.Setting("LOG_STORAGE", "memory"), harness.Setting("LOG_BYTES", "256MiB"),
	}, options...)
	cluster := harness.Start(t, processes, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, options...)
	return &server{Node: cluster.Gateways[0], t: t, app: cluster.APIs[0].API()}
}

// follow reads all that comes at a path until the end of the test, and gives what says in a later request that a client
// stopped where this one began.
func (s *server) follow(path string) (since string) {
	s.t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.URL(), "http")+path+"&since=", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var list []struct{ Offset uint64 }
	if err := ws.ReadJSON(&list); err != nil || len(list) == 0 {
		s.t.Fatalf("got %v and %v, want an offset", list, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for err := error(nil); err == nil; {
			_, _, err = ws.NextReader() // what is left of the frame before is passed over
		}
	})
	s.t.Cleanup(func() {
		ws.Close() //nolint:errcheck // it may have ended by itself
		reading.Wait()
	})
	return fmt.Sprintf("&since=%d", list[0].Offset)
}

// fill posts as many messages to a channel.
func (s *server) fill(channel string, many int, text string) {
	s.t.Helper()
	const atOnce = 1000
	list := make([]client.Message, atOnce)
	for i := range list {
		list[i] = client.Message{User: "app", Channel: channel, Message: text}
	}
	for posted := 0; posted < many; posted += atOnce {
		if _, err := s.app.Publish(s.t.Context(), list...); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Clients that go on where they stopped, and read at 50 KB/s what a busy channel makes at 15 MB/s: they never have all. What a
// channel keeps for them is a quarter of TAPE_BYTES, and what goes through is there in calm already.
func TestClientsThatResumeSlowlyFromABusyChannel(t *testing.T) {
	const sockets = 10
	s := newGateway(t, harness.Setting("TAPE_BYTES", "16MiB"))
	paths := s.plain(sockets+1, "busy")
	since := s.follow(paths[sockets])
	s.fill("busy", 1000, strings.Repeat("x", 4<<10))
	s.busy("busy", 150, strings.Repeat("x", 100<<10))
	for i := range paths {
		paths[i] += since
	}
	withstand(t, s, attack{
		order: order{
			Program: "sip", Paths: paths[:sockets], Sip: 5 << 10, Every: 100 * time.Millisecond, Buffer: 4 << 10,
		},
		lasts: 5 * time.Second, memory: fewMegabytes, least: sockets,
	})
}

// A client that has missed more than it can be sent is told so, and nothing of it is read first.
func TestClientsThatAskForEverythingThatThereWas(t *testing.T) {
	s := newGateway(t)
	paths := s.plain(8, "long")
	s.fill("long", 25_000, strings.Repeat("x", 2<<10))
	for i := range paths {
		paths[i] += "&since=1"
	}
	r := withstand(t, s, attack{
		order: order{Program: "sip", Paths: paths, Sip: 64 << 10, Every: time.Millisecond},
		lasts: 5 * time.Second, memory: fewMegabytes, least: int64(len(paths)),
	})
	if r.Answers < int64(len(paths)) {
		t.Errorf("%d of %d clients were told that they missed messages", r.Answers, len(paths))
	}
}

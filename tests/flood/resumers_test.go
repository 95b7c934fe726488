package flood

import (
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// newGateway starts a gateway whose memory is its own: NATS is in the process of the test, the others in theirs.
func newGateway(t *testing.T) *server {
	t.Helper()
	cluster := harness.Start(t, processes, harness.Size{APIs: 1, Presences: 1, Gateways: 1},
		harness.Setting("HEARTBEAT_INTERVAL", time.Second), harness.Setting("HEARTBEAT_TIMEOUT", 5*time.Second),
		harness.Setting("LINGER", time.Minute), harness.Setting("CONNECT_TIMEOUT", 5*time.Minute),
		harness.Setting("LOG_STORAGE", "memory"), harness.Setting("LOG_BYTES", "256MiB"))
	return &server{Node: cluster.Gateways[0], t: t, app: cluster.APIs[0].API()}
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

package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/channelstream/channelstream/shared/bus"
)

// A responder that is paused has its subscription still: half of the requests go to it, and nothing comes back.
func TestARequestThatMayBeAskedTwiceIsAnsweredThoughAReplicaIsPaused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	raw, err := nats.Connect(s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	for _, answers := range []bool{false, false, true} {
		answer := func(m *nats.Msg) {
			if answers {
				m.Respond([]byte(`"here"`)) //nolint:errcheck // the caller would wait in vain
			}
		}
		if _, err := raw.QueueSubscribe("group", "replicas", answer); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	conn := s.dial()
	for range 3 {
		ctx, cancel := patiently()
		answer, err := bus.CallAgain[string](ctx, conn, "group", struct{}{})
		cancel()
		if err != nil || answer != "here" {
			t.Errorf("%q, %v", answer, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if _, err := raw.QueueSubscribe("silent", "replicas", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.CallAgain[string](ctx, conn, "silent", struct{}{}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("nobody answers, and yet: %v", err)
	}
}

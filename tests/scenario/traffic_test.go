package scenario

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestMessagesPostedThroughRestartsOfServicesArriveOnceAndInOrder(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		_, alice := enter(t, c.APIs[0], c.Gateways[0], "alice", "news")
		_, bob := enter(t, c.APIs[1], c.Gateways[1], "bob", "news")
		traffic := begin(t, c, "news", 1)
		for i := range 2 {
			for _, n := range []*harness.Node{c.APIs[i], c.Presences[i]} {
				traffic.awaitMore()
				n.Fail()
				traffic.awaitMore()
				n.Start()
			}
		}
		traffic.awaitMore()
		want := traffic.end()
		whisper(t, c.APIs[0], "end", "alice", "bob")
		hears(t, alice, append(want, "end")...)
		hears(t, bob, append(want, "end")...)
	})
}

func TestMessagesPostedThroughARestartOfNATSArriveOnceAndInOrder(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs, harness.Setting("REQUEST_TIMEOUT", "2s"))
		_, alice := enter(t, c.APIs[0], c.Gateways[0], "alice", "news")
		_, bob := enter(t, c.APIs[1], c.Gateways[1], "bob", "news")
		traffic := begin(t, c, "news", 1)
		traffic.awaitMore()
		c.NATS.Stop()
		c.NATS.Start()
		traffic.awaitMore()
		want := traffic.end()
		alice.Await(want[len(want)-1])
		bob.Await(want[len(want)-1])
		c.AwaitReady()
		whisper(t, c.APIs[0], "end", "alice", "bob")
		hears(t, alice, append(want, "end")...)
		hears(t, bob, append(want, "end")...)
	})
}

// traffic is an app that posts one list of messages after the other: each again, to the other api, until it is
// acknowledged.
type traffic struct {
	t    *testing.T
	size int // of a list
	stop context.CancelFunc
	done chan struct{} // closed when the app has stopped

	mu    sync.Mutex
	texts []string // acknowledged; guarded by mu
}

// begin has the app post until end, or the end of the test.
func begin(t *testing.T, c *harness.Cluster, channel string, size int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{t: t, size: size, stop: cancel, done: make(chan struct{})}
	go f.run(ctx, c, channel)
	t.Cleanup(func() { f.end() })
	return f
}

func (f *traffic) run(ctx context.Context, c *harness.Cluster, channel string) {
	defer close(f.done)
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for i, to := 0, 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		list := f.list(channel, i)
		_, err := c.APIs[to].API().Publish(context.WithoutCancel(ctx), list...)
		to = 1 - to
		if err != nil {
			continue
		}
		f.mu.Lock()
		for _, m := range list {
			f.texts = append(f.texts, fmt.Sprint(m.Message))
		}
		f.mu.Unlock()
		i++
	}
}

func (f *traffic) list(channel string, number int) []client.Message {
	list := make([]client.Message, f.size)
	for i := range list {
		n := number*f.size + i
		list[i] = client.Message{
			UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), User: "app", Channel: channel, Message: fmt.Sprint("message ", n),
		}
	}
	return list
}

// awaitMore returns when some more messages are acknowledged.
func (f *traffic) awaitMore() {
	f.t.Helper()
	acknowledged := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.texts)
	}
	before := acknowledged()
	harness.Eventually(f.t, "more messages are acknowledged", func() bool { return acknowledged() > before+10 })
}

// end stops the app and gives all that was acknowledged. A message that was under way may have been stored without
// that: it is not posted again.
func (f *traffic) end() []string {
	f.stop()
	<-f.done
	return f.texts
}

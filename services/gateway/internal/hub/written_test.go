package hub_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
)

func TestWhenABatchIsWrittenIsKnownAndDoesNotChangeIt(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		news := h.NewTopic("news", "s.news")
		a, b := open(t, h, "a", news), open(t, h, "b", news)
		var seen []string
		hold(a.member, func() {
			h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
			h.Written(news, func() { seen = append(seen, a.text(), b.text()) })
			h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		})
		want(t, a, `[{"n":1},{"n":2}]`)
		want(t, b, `[{"n":1},{"n":2}]`)
		if got := strings.Join(seen, " "); got != `[{"n":1},{"n":2}] [{"n":1},{"n":2}]` {
			t.Errorf("when it was said to be written, this had been: %s", got)
		}
	})
}

func TestWhatSeveralShardsWriteIsWrittenOnceAndWhatNobodyHearsAtOnce(t *testing.T) {
	story(t, 3, func(t *testing.T, h *hub.Hub) {
		news, empty := h.NewTopic("news", "s.news"), h.NewTopic("empty", "s.empty")
		for range 7 {
			open(t, h, "a", news)
		}
		var times atomic.Int32
		h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{}`)}})
		h.Written(news, func() { times.Add(1) })
		synctest.Wait()
		if times.Load() != 1 {
			t.Errorf("it was said %d times", times.Load())
		}
		h.Written(empty, func() { times.Add(1) })
		if times.Load() != 2 {
			t.Error("what nobody hears is waited for")
		}
		if news.Members() != 7 || empty.Members() != 0 {
			t.Errorf("%d and %d members", news.Members(), empty.Members())
		}
	})
}

func TestAHubThatEndsLeavesNobodyWaitingForWhatIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Config{Shards: 2, HeartbeatEvery: 1e10, HeartbeatTimeout: 1e10, Observer: uncounted{}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.Run(ctx) }() //nolint:errcheck // it has no error to give
		news := h.NewTopic("news", "s.news")
		a := open(t, h, "a", news)
		var times atomic.Int32
		hold(a.member, func() {
			cancel()
			h.Written(news, func() { times.Add(1) })
		})
		<-done
		h.Written(news, func() { times.Add(1) })
		if times.Load() != 2 {
			t.Errorf("it was said %d times", times.Load())
		}
	})
}

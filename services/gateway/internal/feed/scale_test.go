package feed_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
)

// Not parallel: it counts for the whole process.
func TestAHundredThousandChannelsCostNoGoroutines(t *testing.T) {
	const channels = 100_000
	s := newStage(t, never, &observer{})
	subjects := make([]feed.Subject, channels)
	for i := range subjects {
		name := fmt.Sprintf("channel-%d", i)
		subjects[i] = feed.Subject{Name: name, Subject: ns.LiveChannel(name)}
	}
	goroutines, memory := runtime.NumGoroutine(), heap()
	topics, err := s.feed.Acquire(t.Context(), subjects)
	if err != nil {
		t.Fatal(err)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 10 {
		t.Errorf("%d more goroutines", more)
	}
	each := (heap() - memory) / channels
	t.Logf("%d bytes of heap a channel, the embedded NATS server's share included", each)
	if each > 4096 {
		t.Errorf("%d bytes a channel", each)
	}
	runtime.KeepAlive(topics)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

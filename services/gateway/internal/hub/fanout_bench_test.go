package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/shared/contract"
)

// sink takes everything.
type sink struct{ bytes int }

func (s *sink) Bind(*Member) {}
func (s *sink) Send(p []byte, _ time.Time) contract.Reason {
	s.bytes += len(p)
	return ""
}
func (s *sink) Ping(time.Time) contract.Reason           { return "" }
func (s *sink) Waiting(time.Time) (int, contract.Reason) { return 0, "" }
func (s *sink) Close(contract.Reason)                    {}
func (s *sink) Unacknowledged() int                      { return 0 }

type uncounted struct{}

func (uncounted) Opened(string)                  {}
func (uncounted) Closed(string, contract.Reason) {}
func (uncounted) Upgraded(string, string)        {}
func (uncounted) Batch(int)                      {}
func (uncounted) Delay(time.Duration)            {}

// audience makes a shard with members in each of some topics. Nothing runs: the caller is the shard.
func audience(topics, members int) (*shard, []*Topic) {
	h := New(Config{Shards: 1, HeartbeatEvery: time.Hour, HeartbeatTimeout: time.Hour, Observer: uncounted{}})
	s := h.shards[0]
	list := make([]*Topic, topics)
	for i := range list {
		list[i] = h.NewTopic(fmt.Sprint(i), "s."+fmt.Sprint(i))
		for range members {
			m := &Member{shard: s, way: frame.Lists, format: frame.Plain, ended: func(contract.Reason, uint64) {}}
			m.take(&sink{})
			s.open(m)
			s.change(m, Change{User: "u", Join: list[i : i+1]})
		}
	}
	return s, list
}

func batchOf(topics []*Topic, messages int) []item {
	items := make([]item, messages)
	for i := range items {
		items[i] = item{topic: topics[i%len(topics)], Message: Message{Message: frame.Message{Body: []byte(`{"uuid":"00000000-0000-4000-8000-000000000000","type":"message","message":{"text":"hello"}}`)}}}
	}
	return items
}

// One operation is one delivery: a message to one member.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []struct{ members, messages int }{{100, 1}, {1000, 1}, {10000, 1}, {1000, 32}} {
		b.Run(fmt.Sprintf("members=%d/batch=%d", size.members, size.messages), func(b *testing.B) {
			s, topics := audience(1, size.members)
			items := batchOf(topics, size.messages)
			b.ReportAllocs()
			for i := 0; i < b.N; i += size.members * size.messages {
				s.handle(items)
			}
		})
	}
}

// One operation is one message to a channel with one member.
func BenchmarkOneToOne(b *testing.B) {
	s, topics := audience(1000, 1)
	items := batchOf(topics, 1000)
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(items) {
		s.handle(items)
	}
}

func TestFanOutAllocatesNothingPerReceiver(t *testing.T) {
	for _, members := range []int{10, 1000} {
		s, topics := audience(1, members)
		items := batchOf(topics, 4)
		s.handle(items) // buffers grow once
		if n := testing.AllocsPerRun(100, func() { s.handle(items) }); n > 0 {
			t.Errorf("a batch for %d members allocates %v times", members, n)
		}
	}
}

func TestFanOutOverSeveralTopicsAllocatesNothing(t *testing.T) {
	s, topics := audience(50, 3)
	items := batchOf(topics, 200)
	s.handle(items)
	if n := testing.AllocsPerRun(100, func() { s.handle(items) }); n > 0 {
		t.Errorf("a batch over 50 topics allocates %v times", n)
	}
}

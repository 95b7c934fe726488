package hub

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stopwatch remembers delays, in a histogram like that of a gateway too.
type stopwatch struct {
	uncounted
	delays    []time.Duration
	histogram prometheus.Histogram
}

func newStopwatch() *stopwatch {
	return &stopwatch{histogram: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "delay_seconds", Help: "A delay.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), NativeHistogramBucketFactor: 1.1,
		NativeHistogramMaxBucketNumber: 160,
	})}
}

func (s *stopwatch) Delay(d time.Duration) {
	s.histogram.Observe(d.Seconds())
	if len(s.delays) < cap(s.delays) {
		s.delays = append(s.delays, d)
	}
}

// timed is a shard with an audience, and a batch that the log took at a time.
func timed(w *stopwatch, members, messages int, stored time.Time) (*shard, []item) {
	s, topics := audience(1, members)
	s.hub.config.Observer = w
	items := batchOf(topics, messages)
	for i := range items {
		items[i].Stored = stored.Add(time.Duration(i) * time.Second).UTC().Format(time.RFC3339Nano)
	}
	return s, items
}

// write is what run does with a batch, at a time of the test's.
func (s *shard) write(items []item, at time.Time) {
	s.handle(items)
	s.ended = at
	s.measure(items)
}

func TestADelayIsThatOfTheFirstMessageOfABatch(t *testing.T) {
	t.Parallel()
	w := newStopwatch()
	w.delays = make([]time.Duration, 0, 10)
	now := time.Now().Round(0)
	s, items := timed(w, 100, 3, now.Add(-1500*time.Millisecond))
	fleeting := items[0]
	fleeting.Stored = ""
	s.write(append([]item{{step: func(*shard) {}}, fleeting}, items...), now)
	if len(w.delays) != 1 || w.delays[0] != 1500*time.Millisecond {
		t.Errorf("delays %v", w.delays)
	}
}

func TestDelaysAreMeasuredNowAndThen(t *testing.T) {
	t.Parallel()
	w := newStopwatch()
	w.delays = make([]time.Duration, 0, 1000)
	now := time.Now().Round(0)
	s, items := timed(w, 10, 1, now)
	for n := range 1000 { // a second of batches
		s.write(items, now.Add(time.Duration(n)*time.Millisecond))
	}
	if n := len(w.delays); n != 200 {
		t.Errorf("%d of 1,000 batches were measured", n)
	}
}

func TestAMessageFromTheFutureTookNoTime(t *testing.T) {
	t.Parallel()
	w := newStopwatch()
	w.delays = make([]time.Duration, 0, 10)
	now := time.Now().Round(0)
	s, items := timed(w, 1, 1, now.Add(time.Hour))
	s.write(items, now)
	if len(w.delays) != 1 || w.delays[0] != 0 {
		t.Errorf("delays %v", w.delays)
	}
}

func TestNothingIsMeasuredWhereNobodyListensOrNoTimeIsKnown(t *testing.T) {
	t.Parallel()
	w := newStopwatch()
	w.delays = make([]time.Duration, 0, 10)
	now := time.Now().Round(0)
	s, items := timed(w, 1, 2, now)
	items[0].Stored = "soon"
	s.write(items, now)
	deserted := items[1]
	deserted.topic = s.hub.NewTopic("nobody", "s.nobody")
	s.write([]item{deserted}, now.Add(time.Second))
	if len(w.delays) != 0 {
		t.Errorf("delays %v", w.delays)
	}
}

func TestMeasuringADelayAllocatesNothing(t *testing.T) {
	for _, members := range []int{1, 1000} {
		now := time.Now().Round(0)
		s, items := timed(newStopwatch(), members, 4, now.Add(-time.Millisecond))
		s.write(items, now) // the histogram's bucket is made once
		if n := testing.AllocsPerRun(100, func() {
			s.measured = time.Time{} // each batch is measured
			s.write(items, now)
		}); n > 0 {
			t.Errorf("a batch for %d members that is measured allocates %v times", members, n)
		}
	}
}

// One operation is one batch of one message for one member, with what is measured of it and without.
func BenchmarkDelay(b *testing.B) {
	for name, every := range map[string]time.Duration{"never": 0, "as it is": time.Millisecond, "always": measureEvery} {
		b.Run(name, func(b *testing.B) {
			now := time.Now().Round(0)
			s, items := timed(newStopwatch(), 1, 1, now)
			s.measured, s.ended = now, now
			b.ReportAllocs()
			for b.Loop() {
				s.handle(items)
				s.ended = s.ended.Add(every)
				if every > 0 {
					s.measure(items)
				}
			}
		})
	}
}

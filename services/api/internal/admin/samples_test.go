package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter is a presence in which one more message is accepted in every second, and two are delivered.
type counter struct {
	Reader
	began time.Time
	asked atomic.Int64
	fails atomic.Bool
}

func (c *counter) Overview(context.Context) (contract.OverviewAnswer, error) {
	asked := c.asked.Add(1)
	if c.fails.Load() {
		return contract.OverviewAnswer{}, errors.New("away")
	}
	seconds := uint64(time.Since(c.began).Seconds())
	return contract.OverviewAnswer{TotalConnections: int(asked), TotalUniqueMessages: seconds, TotalMessages: 2 * seconds}, nil
}

func (c *counter) History(context.Context, string) ([]json.RawMessage, error) { return nil, nil }

func TestNothingIsAskedWhileNobodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &counter{began: time.Now()}
		s := newSampler(c, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = s.run(ctx) }()
		time.Sleep(time.Hour)
		if asked := c.asked.Load(); asked != 0 {
			t.Errorf("asked %d times before anybody looked", asked)
		}
		if kept := s.look(); len(kept) != 0 {
			t.Errorf("%d samples at the first look", len(kept))
		}
		time.Sleep(window - time.Second)
		kept := s.look()
		if want := int(window / sampleEvery); len(kept) != want {
			t.Errorf("%d samples after a quarter of an hour, want %d", len(kept), want)
		}
		for _, p := range rates(kept, func(one sample) uint64 { return one.delivered }) {
			if p.value != 2 {
				t.Errorf("a rate of %v", p.value)
			}
		}
		time.Sleep(2 * window)
		asked := c.asked.Load()
		time.Sleep(time.Hour)
		if kept := s.look(); c.asked.Load() != asked || len(kept) != 0 {
			t.Errorf("asked %d times after everybody went, and %d samples are kept", c.asked.Load()-asked, len(kept))
		}
	})
}

func TestSamplesGoOnWhenPresenceIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &counter{began: time.Now()}
		c.fails.Store(true)
		s := newSampler(c, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		go func() { _ = s.run(ctx) }()
		s.look()
		time.Sleep(time.Minute)
		synctest.Wait()
		c.fails.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if kept := s.look(); len(kept) != int(time.Minute/sampleEvery) {
			t.Errorf("%d samples", len(kept))
		}
	})
}

func TestAChartSaysWhatItShows(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		points []point
		now    string
		words  string
		line   string
	}{
		{nil, "–", "nothing is known yet", ""},
		{[]point{{now, 3}}, "3/s", "3/s now, at least 3, at most 3", ""},
		{[]point{{now.Add(-window), 0}, {now, 0}}, "0/s", "at most 0", "M0 56L300 56"},
		{[]point{{now.Add(-window / 2), 1_234_567}, {now, 0.25}}, "0.2/s", "at least 0.2, at most 1,234,567", "M0 6L300 56"},
	} {
		chart := newChart("Messages", "/s", c.points, now)
		if chart.Now != c.now || !strings.Contains(chart.Words, c.words) || chart.Line != c.line {
			t.Errorf("%v: %+v", c.points, chart)
		}
	}
}

// A process that is gone takes what it counted with it; that is no rate below nothing.
func TestACounterThatFallsIsNoRate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	samples := []sample{{at: now, delivered: 100}, {at: now.Add(5 * time.Second), delivered: 10}, {at: now.Add(5 * time.Second), delivered: 10}}
	for _, p := range rates(samples, func(s sample) uint64 { return s.delivered }) {
		if p.value != 0 {
			t.Errorf("%+v", p)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[uint64]string{0: "0 bytes", 1023: "1,023 bytes", 1536: "1.5 KiB", 1 << 30: "1 GiB", 300 << 40: "300 TiB"} {
		if got := sizeOf(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if share(5, 0) != 0 || share(1, 3) != 33 || share(9, 3) != 100 {
		t.Error("shares are wrong")
	}
}

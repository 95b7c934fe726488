package admin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// What the charts show, and how often it is asked for while somebody looks.
const (
	window      = 15 * time.Minute
	sampleEvery = 5 * time.Second
	sampleLimit = 4 * time.Second // of one question
)

// sample is what all processes came to at a moment.
type sample struct {
	at                  time.Time
	connections, users  int
	accepted, delivered uint64 // since the processes were started
}

// sampler keeps the samples of the charts. It asks for none unless somebody has looked within the time that they show.
type sampler struct {
	// set at construction
	reader Reader
	log    *slog.Logger
	looked chan struct{} // holds one when somebody has looked

	mu   sync.Mutex
	last time.Time // somebody looked; guarded by mu
	kept []sample  // oldest first; guarded by mu
}

func newSampler(reader Reader, log *slog.Logger) *sampler {
	return &sampler{reader: reader, log: log, looked: make(chan struct{}, 1)}
}

// look gives the samples of the last minutes, and has them go on.
func (s *sampler) look() []sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	select {
	case s.looked <- struct{}{}:
	default:
	}
	return append([]sample(nil), s.kept...)
}

func (s *sampler) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.looked:
			s.follow(ctx)
		}
	}
}

// follow takes samples until nobody has looked for long.
func (s *sampler) follow(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for s.wanted(time.Now()) && ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, sampleLimit)
		overview, err := s.reader.Overview(within)
		cancel()
		if err == nil {
			s.add(sampleOf(time.Now(), overview))
		} else if ctx.Err() == nil {
			s.log.Debug("a sample for the admin page could not be taken", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func sampleOf(now time.Time, o contract.OverviewAnswer) sample {
	return sample{
		at: now, connections: o.TotalConnections, users: o.UniqueUsers, accepted: o.TotalUniqueMessages, delivered: o.TotalMessages,
	}
}

// wanted says whether somebody has looked. If not, what is kept is let go.
func (s *sampler) wanted(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.last) <= window {
		return true
	}
	s.kept = nil
	return false
}

func (s *sampler) add(one sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, one)
	old := 0
	for old < len(s.kept) && one.at.Sub(s.kept[old].at) > window {
		old++
	}
	s.kept = append(s.kept[:0], s.kept[old:]...)
}

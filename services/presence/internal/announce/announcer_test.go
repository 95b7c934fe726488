package announce

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// stage is replicas that observe the same changes, of which one leads.
type stage struct {
	t        *testing.T
	leader   atomic.Int64 // -1: nobody
	recorded atomic.Uint64
	refuses  atomic.Bool
	replicas []*Announcer

	mu   sync.Mutex
	told []string // by whoever leads, each event once for each time that it was announced; guarded by mu
}

func newStage(t *testing.T, replicas int) *stage {
	s := &stage{t: t}
	for i := range replicas {
		s.replicas = append(s.replicas, New(Config{
			Leads: func() bool { return s.leader.Load() == int64(i) }, Recorded: func() uint64 { return s.recorded.Load() }, Told: always,
			Announce: s.announce, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler),
		}))
	}
	return s
}

func (s *stage) announce(_ context.Context, events []Event) error {
	if s.refuses.Load() {
		return errors.New("the log is away")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, words(events)...)
	return nil
}

func (s *stage) run() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	for _, r := range s.replicas {
		go r.Run(ctx) //nolint:errcheck // nil
	}
	return cancel
}

func (s *stage) observe(revision uint64, key string, record *contract.ConnectionRecord) {
	for _, r := range s.replicas {
		r.Observe(row{Key: key, Record: record, Revision: revision})
	}
}

func (s *stage) inStep() {
	for _, r := range s.replicas {
		r.InStep()
	}
}

// settle lets every replica do what it can.
func (s *stage) settle() {
	time.Sleep(time.Minute)
	synctest.Wait()
}

func (s *stage) want(words ...string) {
	s.t.Helper()
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told, words) {
		s.t.Errorf("told of %s\nwant %s", strings.Join(s.told, ", "), strings.Join(words, ", "))
	}
	s.told = nil
}

func TestWhatIsFoundAtTheStartIsNotAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		defer s.run()()
		s.observe(3, "1", in("alice", contract.Attached, "a"))
		s.observe(5, "2", in("bob", contract.Attached, "a"))
		s.inStep()
		s.want()
		if at := s.replicas[0].Announced(); at != 5 {
			t.Errorf("announced up to %d", at)
		}
		s.observe(6, "1", nil)
		s.want("alice parted a")
	})
}

func TestANewLeaderGoesOnWhereTheOldOneRecordedThatItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		defer s.run()()
		s.inStep()
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		s.want("alice joined a")
		s.recorded.Store(s.replicas[0].Announced())
		s.observe(2, "2", in("bob", contract.Pending, "a"))
		s.want("bob joined a")
		s.leader.Store(-1) // it dies before it records that
		s.observe(3, "1", nil)
		s.want()
		s.leader.Store(1)
		s.want("bob joined a", "alice parted a")
		s.recorded.Store(s.replicas[1].Announced())
		s.settle()
		s.leader.Store(0)
		s.observe(4, "2", nil)
		s.want("bob parted a")
	})
}

func TestWhatCouldNotBeAnnouncedIsTriedAgainByWhoeverLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		defer s.run()()
		s.inStep()
		s.refuses.Store(true)
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		s.want()
		if at := s.replicas[0].Announced(); at != 0 {
			t.Errorf("announced up to %d", at)
		}
		s.leader.Store(1)
		s.refuses.Store(false)
		s.want("alice joined a")
		s.recorded.Store(1)
		s.settle()
		s.leader.Store(0)
		s.want()
	})
}

func TestAWatchThatBeginsAnewTellsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		defer s.run()()
		s.inStep()
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		s.observe(2, "2", in("bob", contract.Pending, "a"))
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		s.observe(2, "2", nil) // went while the watch was away
		s.inStep()
		s.want("alice joined a", "bob joined a", "bob parted a")
	})
}

func TestWhatWasObservedIsAnnouncedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		s.inStep()
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.replicas[0].Run(ctx); err != nil {
			t.Error(err)
		}
		if !s.replicas[0].Await(ctx, 1) {
			t.Error("it is not announced")
		}
	})
}

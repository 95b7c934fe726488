package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	before   atomic.Int64 // so many events of a list are told before the rest is refused
	replicas []*Announcer

	mu     sync.Mutex
	told   []string       // by whoever leads, each event once for each time that it was announced; guarded by mu
	stored []string       // told, each event once; guarded by mu
	known  map[Event]bool // stored; guarded by mu
}

func newStage(t *testing.T, replicas int) *stage {
	s := &stage{t: t, known: map[Event]bool{}}
	for i := range replicas {
		s.replicas = append(s.replicas, New(Config{
			Leads: func() bool { return s.leader.Load() == int64(i) }, Recorded: func() uint64 { return s.recorded.Load() }, Told: always,
			Announce: s.announce, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler),
		}))
	}
	return s
}

// announce may break off in the middle.
func (s *stage) announce(_ context.Context, events []Event) (told int, err error) {
	if s.refuses.Load() {
		err = errors.New("the log went away")
		events = events[:min(int(s.before.Load()), len(events))]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, words(events)...)
	for _, e := range events {
		if !s.known[e] {
			s.known[e] = true
			s.stored = append(s.stored, words([]Event{e})...)
		}
	}
	return len(events), err
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
	time.Sleep(4 * lookForLead)
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

// Whoever leads, and however little of it was recorded: without what was announced under the same id before, all is told
// in the order in which one replica alone tells it.
func TestWhateverLeadsAllIsToldOnceAndInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
			s := newStage(t, 3)
			defer s.run()()
			s.inStep()
			alone := newFold()
			var want []string
			for revision := range uint64(300) {
				key, record := fmt.Sprint(random.IntN(6)), randomRecord(random)
				want = append(want, words(alone.apply(row{Key: key, Record: record, Revision: revision + 1}, always))...)
				s.observe(revision+1, key, record)
				s.disturb(random)
			}
			s.refuses.Store(false)
			s.leader.Store(0)
			s.settle()
			s.mu.Lock()
			defer s.mu.Unlock()
			if !slices.Equal(s.stored, want) {
				t.Errorf("seed %d: told of %q\nwant %q", seed, s.stored, want)
			}
		})
	}
}

// disturb may change who leads, record how far it is, or take the log away.
func (s *stage) disturb(random *rand.Rand) {
	switch random.IntN(12) {
	case 0:
		s.leader.Store(int64(random.IntN(len(s.replicas)+1) - 1))
	case 1:
		s.refuses.Store(!s.refuses.Load())
		s.before.Store(int64(random.IntN(3)))
	case 2:
		if leader := s.leader.Load(); leader >= 0 {
			s.recorded.Store(max(s.recorded.Load(), s.replicas[leader].Announced()))
		}
	case 3, 4, 5, 6:
		s.settle()
	}
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

func TestAnAttemptThatBreaksOffGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1)
		defer s.run()()
		s.inStep()
		s.leader.Store(-1)
		s.observe(1, "1", in("alice", contract.Pending, "a"))
		s.observe(2, "1", nil)
		s.observe(3, "2", in("bob", contract.Pending, "a"))
		s.refuses.Store(true)
		s.before.Store(1)
		s.leader.Store(0)
		s.want("alice joined a", "alice parted a", "bob joined a")
		if at := s.replicas[0].Announced(); at != 3 {
			t.Errorf("announced up to %d", at)
		}
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

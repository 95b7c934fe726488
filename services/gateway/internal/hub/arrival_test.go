package hub_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// faraway is a client whose host acknowledges what a test says. What it is sent is counted in bytes.
type faraway struct {
	client
	topic    *hub.Topic
	messages uint64

	// guarded by mu
	sent    []int // bytes, after each write
	arrived int
	extra   int // bytes that the outlet has sent itself
	asked   int
	offset  uint64 // where it goes on, once it is over
	over    bool
}

func (f *faraway) total() int {
	if len(f.sent) == 0 {
		return 0
	}
	return f.sent[len(f.sent)-1]
}

func (f *faraway) Send(p []byte, _ time.Time) contract.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, f.total()+len(p))
	return f.refuse
}

func (f *faraway) Unacknowledged() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.total() - f.arrived + f.extra
}

func (f *faraway) closed(_ contract.Reason, at uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset, f.over = at, true
}

func (f *faraway) timesAsked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// visit opens a member that has come to an offset.
func visit(t *testing.T, h *hub.Hub, offset uint64) *faraway {
	t.Helper()
	f := &faraway{topic: h.NewTopic("x", "s.x"), messages: offset}
	m := h.Open(f, frame.Lists, "test", f.closed)
	change(t, m, hub.Change{User: "a", Join: []*hub.Topic{f.topic}, Offset: offset})
	return f
}

// write has a message written that is logged behind the one before.
func (f *faraway) write(h *hub.Hub) {
	f.messages++
	h.Publish(f.topic, logged(fmt.Sprintf(`{"n":%d}`, f.messages), f.messages))
	synctest.Wait()
}

// acknowledges has the first writes arrive, and sends bytes that are none of a message's.
func (f *faraway) acknowledges(writes, extra int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrived, f.extra = f.sent[writes-1], extra
}

// end closes the member and gives where its client goes on.
func (f *faraway) end(t *testing.T) uint64 {
	t.Helper()
	f.member.Close(contract.ReasonClosed)
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over {
		t.Fatal("the member did not end")
	}
	return f.offset
}

func TestAClientGoesOnBehindWhatItsHostHasAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name            string
		writes, arrived int
		extra           int // bytes that are none of a message's
		want            uint64
	}{
		{name: "all", writes: 3, arrived: 3, want: 13},
		{name: "all but the last", writes: 3, arrived: 2, want: 12},
		{name: "the first", writes: 3, arrived: 1, want: 11},
		{name: "all, and a ping is under way", writes: 3, arrived: 3, extra: 2, want: 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, 1, func(t *testing.T, h *hub.Hub) {
				f := visit(t, h, 10)
				for range c.writes {
					f.write(h)
				}
				f.acknowledges(c.arrived, c.extra)
				if got := f.end(t); got != c.want {
					t.Errorf("it goes on at %d, want %d", got, c.want)
				}
			})
		})
	}
}

func TestAClientWhoseHostHasAcknowledgedNothingGoesOnWhereItsConnectionWas(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		f := visit(t, h, 10)
		f.write(h)
		if got := f.end(t); got != 0 {
			t.Errorf("it goes on at %d, want 0: not known", got)
		}
	})
}

func TestOfWhatAMemberWasSentBeforeItEnteredNothingCounts(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		h.Mark(50)
		f := &faraway{}
		m := h.Open(f, frame.Lists, "test", f.closed)
		m.Send([]byte("welcome"))
		synctest.Wait()
		change(t, m, hub.Change{User: "a", Offset: 20, Behind: true, Past: []frame.Message{{Body: []byte(`{}`), Offset: 30}}})
		f.acknowledges(1, 0)
		if got := f.end(t); got != 0 {
			t.Errorf("it goes on at %d, but has got nothing behind the place where it came from", got)
		}
	})
}

// A look at a member that is all quiet asks its outlet for nothing, and moves it on with the log.
func TestAClientThatHasAllIsAskedOnceAndComesAlongWithTheLog(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		f := visit(t, h, 10)
		f.write(h)
		f.acknowledges(1, 0)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if asked := f.timesAsked(); asked != 1 {
			t.Errorf("it was asked %d times", asked)
		}
		h.Mark(90)
		time.Sleep(3 * time.Second)
		f.messages = 99
		f.write(h)
		if got := f.end(t); got != 90 {
			t.Errorf("it goes on at %d, want 90", got)
		}
	})
}

// However writes and acknowledgements follow each other: nothing that has not arrived is passed over, what repeats is little,
// and the outlet is not asked for each write.
func TestHoweverMuchIsUnderWayNothingIsPassedOver(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		for seed := range uint64(100) {
			random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // no secret
			began := 1000 * (seed + 1)
			f, arrived := visit(t, h, began), 0
			writes := 1 + random.IntN(120)
			for n := range writes {
				f.write(h)
				if random.IntN(4) == 0 {
					arrived += random.IntN(n + 2 - arrived)
				}
				if arrived > 0 {
					f.acknowledges(arrived, 0)
				}
			}
			asked, underWay := f.timesAsked(), writes-arrived
			got := int(max(f.end(t), began) - began) //nolint:gosec // a count
			if got > arrived {
				t.Errorf("it goes on behind %d writes, though only %d have arrived", got, arrived)
			}
			if repeated := arrived - got; underWay <= 8 && repeated > 8 || repeated > underWay+8 {
				t.Errorf("%d that had arrived come again, %d were under way", repeated, underWay)
			}
			if asked > writes/4 {
				t.Errorf("it was asked %d times for %d writes", asked, writes)
			}
		}
	})
}

// What a client has got counts no more when it is to get all of that again.
func TestAClientThatGetsAllAgainGoesOnWhereThatBegins(t *testing.T) {
	for name, arrived := range map[string]int{"all had arrived": 3, "a part was under way": 1} {
		t.Run(name, func(t *testing.T) {
			story(t, 1, func(t *testing.T, h *hub.Hub) {
				f := visit(t, h, 10)
				for range 3 {
					f.write(h)
				}
				f.acknowledges(arrived, 0)
				time.Sleep(2 * time.Second) // the shard has looked
				change(t, f.member, hub.Change{Leave: []*hub.Topic{f.topic}, Offset: 10, Behind: true})
				f.acknowledges(3, 0)
				change(t, f.member, hub.Change{Join: []*hub.Topic{f.topic}, Offset: 13, Past: []frame.Message{{Body: []byte(`{}`), Offset: 11}}})
				if at := f.end(t); at > 10 {
					t.Errorf("it goes on at %d, and what comes again from 10 on has not arrived", at)
				}
			})
		})
	}
}

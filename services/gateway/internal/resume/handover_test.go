package resume_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/resume"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a hub, and a log of all that was ever published to it.
type world struct {
	hub    *hub.Hub
	topics []*hub.Topic

	mu  sync.Mutex         // held while a message is published, as the feed's one goroutine does
	log []feed.PastMessage // guarded by mu
}

type uncounted struct{}

func (uncounted) Opened(string)                  {}
func (uncounted) Closed(string, contract.Reason) {}
func (uncounted) Upgraded(string, string)        {}
func (uncounted) Batch(int)                      {}
func (uncounted) Delay(time.Duration)            {}

// story runs a test with a world in a bubble of its own time.
func story(t *testing.T, tell func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{hub: hub.New(hub.Config{
			Shards: 2, HeartbeatEvery: time.Hour, HeartbeatTimeout: time.Hour, Observer: uncounted{},
		})}
		for _, name := range []string{"alice", "a", "b"} {
			w.topics = append(w.topics, w.hub.NewTopic(name, name))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.hub.Run(ctx) //nolint:errcheck // it has no error to give
		}()
		tell(t, w)
		cancel()
		<-done
	})
}

// say publishes a message. headers are names and values by turns.
func (w *world) say(topic *hub.Topic, body string, headers ...string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := feed.PastMessage{Topic: topic, LogMessage: bus.LogMessage{Sequence: uint64(len(w.log)) + 1, Header: bus.Header{}, Data: []byte(body)}}
	for i := 0; i < len(headers); i += 2 {
		e.Header.Set(headers[i], headers[i+1])
	}
	w.log = append(w.log, e)
	w.hub.Publish(topic, hub.Message{Message: frame.Message{Body: e.Data, Offset: e.Sequence}})
	return e.Sequence
}

// past reads the log as a feed's past does.
type past struct {
	world  *world
	topics []*hub.Topic
	at     int // of the log's entries that were given
	most   int // messages of the last part; 0: any number

	lost chan struct{} // closed when the place is lost; nil: it never is
	sent atomic.Uint64
}

func (p *past) Next(_ context.Context, _ int, join func(feed.Part)) (part feed.Part, joined bool, err error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	part.Mark = uint64(len(p.world.log))
	select {
	case <-p.lost:
		part.Missed = true
	default:
		for _, m := range p.world.log[p.at:] {
			if slices.Contains(p.topics, m.Topic) {
				part.Messages = append(part.Messages, m)
			}
		}
	}
	p.at = len(p.world.log)
	if joined = p.most == 0 || len(part.Messages) <= p.most; joined {
		join(part)
	}
	return part, joined, nil
}

func (p *past) Sent(upTo uint64)      { p.sent.Store(upTo) }
func (p *past) Lost() <-chan struct{} { return p.lost }

// client is an outlet that takes its time.
type client struct {
	speed time.Duration // for what it gets at once

	mu      sync.Mutex
	got     strings.Builder
	waiting int
	reason  contract.Reason
}

func (c *client) Bind(*hub.Member) {}

func (c *client) Send(p []byte, _ time.Time) contract.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		size, at := int(p[1]), 2
		if size == 126 {
			size, at = int(p[2])<<8|int(p[3]), 4
		}
		c.got.Write(p[at+1 : at+size-1])
		c.got.WriteByte(',')
		p = p[at+size:]
		c.waiting += size
	}
	if c.speed == 0 {
		c.waiting = 0
		return ""
	}
	if c.waiting > room {
		return contract.ReasonSlowConsumer
	}
	time.AfterFunc(c.speed, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting = 0
	})
	return ""
}

const room = 16 << 10

func (c *client) Ping(time.Time) contract.Reason { return "" }
func (c *client) Waiting(time.Time) (int, contract.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting, ""
}
func (c *client) Close(r contract.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = r
}

// message is what a client can see of one.
type message struct {
	N       int    `json:"n"`
	Message string `json:"message"`
	Type    string `json:"type"`
	CatchUp bool   `json:"catchup"`
	Offset  uint64 `json:"offset"`
	Since   uint64 `json:"since"`
}

func (c *client) messages(t *testing.T) []message {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []message
	if err := json.Unmarshal([]byte("["+strings.TrimSuffix(c.got.String(), ",")+"]"), &list); err != nil {
		t.Fatalf("%v in %s", err, c.got.String())
	}
	return list
}

func numbers(messages []message) []int {
	var n []int
	for _, m := range messages {
		n = append(n, m.N)
	}
	return n
}

func body(n int) string { return fmt.Sprintf(`{"n":%d,"catchup":false}`, n) }

func missed(since, offset uint64) [][]byte {
	return [][]byte{fmt.Appendf(nil, `[{"type":"missed","since":%d,"offset":%d}]`, since, offset)}
}

// enter hands a client over that stopped at an offset.
func (w *world) enter(t *testing.T, c *client, p *past, since uint64, limits resume.Limits) *resume.Handover {
	t.Helper()
	m := w.hub.Open(c, frame.Lists, "test", func(contract.Reason, uint64) {})
	h := resume.New(resume.Config{Past: p, Member: m, User: "alice", Since: since, Topics: p.topics, Limits: limits, Room: room, Missed: missed})
	done, err := h.Begin(t.Context(), hub.Change{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if !done {
		go func() {
			if err := h.Finish(t.Context()); err != nil {
				t.Errorf("finish: %v", err)
			}
		}()
	}
	return h
}

// Whatever is published while clients come back, fast ones and slow ones, each gets everything behind its offset, once
// and in order.
func TestNothingIsMissedAndNothingComesTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		story(t, func(t *testing.T, w *world) {
			r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable on purpose
			pad := strings.Repeat("x", 100)
			for n := range 300 {
				w.say(w.topics[r.IntN(3)], fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, pad))
			}
			type visit struct {
				*client
				topics []*hub.Topic
				since  int
			}
			var visits []visit
			for n := 300; n < 600; n++ {
				w.say(w.topics[r.IntN(3)], fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, pad))
				if r.IntN(20) == 0 {
					v := visit{client: &client{speed: time.Duration(r.IntN(30)) * time.Millisecond}, since: r.IntN(n)}
					v.topics = w.topics[:1+r.IntN(3)]
					visits = append(visits, v)
					w.enter(t, v.client, &past{world: w, topics: v.topics, at: v.since, most: 1 + r.IntN(40)}, uint64(v.since), resume.Limits{})
				}
				if r.IntN(3) == 0 {
					time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			for _, v := range visits {
				var want []int
				for n, e := range w.log[v.since:] {
					if slices.Contains(v.topics, e.Topic) {
						want = append(want, v.since+n)
					}
				}
				got := v.messages(t)
				if !slices.Equal(numbers(got), want) {
					t.Fatalf("seed %d: from %d a client got %v, want %v", seed, v.since, numbers(got), want)
				}
				for i, m := range got {
					if m.Offset != uint64(want[i])+1 {
						t.Fatalf("seed %d: message %d has offset %d", seed, m.N, m.Offset)
					}
				}
			}
		})
	}
}

func TestWhatWasMissedIsMarkedAndWhatIsLiveIsNot(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		w.say(w.topics[1], body(1))
		w.say(w.topics[1], body(2))
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{})
		w.say(w.topics[1], body(3))
		synctest.Wait()
		got := c.messages(t)
		if len(got) != 3 || !got[0].CatchUp || !got[1].CatchUp || got[2].CatchUp {
			t.Errorf("%+v", got)
		}
	})
}

func TestTheNewestAreGivenWhereThereIsALimit(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		for n := range 10 {
			w.say(w.topics[n%2], body(n)) // even ones are private
		}
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{Channel: 3, User: 2})
		synctest.Wait()
		if got := numbers(c.messages(t)); !slices.Equal(got, []int{5, 6, 7, 8, 9}) {
			t.Errorf("%v", got)
		}
	})
}

func TestATopicThatIsLeftMeanwhileIsNotJoined(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		for n := range 400 {
			w.say(w.topics[1+n%2], fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, strings.Repeat("x", 200)))
		}
		c := &client{speed: 50 * time.Millisecond}
		h := w.enter(t, c, &past{world: w, topics: w.topics, most: 10}, 0, resume.Limits{})
		h.Leave(w.topics[2:])
		w.say(w.topics[2], body(1000))
		w.say(w.topics[1], body(1001))
		time.Sleep(time.Minute)
		w.say(w.topics[2], body(1002))
		w.say(w.topics[1], body(1003))
		synctest.Wait()
		got := numbers(c.messages(t))
		if slices.Contains(got, 1000) || slices.Contains(got, 1002) {
			t.Errorf("it got messages of a topic that it had left")
		}
		if !slices.Contains(got, 1001) || !slices.Contains(got, 1003) {
			t.Errorf("it missed messages of a topic that it is in")
		}
	})
}

func TestAClientThatLosesItsPlaceIsToldOnceAndGetsOnlyWhatIsNewer(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		for n := range 400 {
			w.say(w.topics[1+n%2], fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, strings.Repeat("x", 200)))
		}
		slow, fast := &client{speed: 50 * time.Millisecond}, &client{}
		cut := &past{world: w, topics: w.topics, most: 10, lost: make(chan struct{})}
		w.enter(t, slow, cut, 0, resume.Limits{})
		w.enter(t, fast, &past{world: w, topics: w.topics, most: 10}, 0, resume.Limits{})
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		came := slow.messages(t)
		if last := came[len(came)-1].Offset; len(came) == 400 || cut.sent.Load() > last {
			t.Fatalf("it had come to %d, and what is behind %d was not to be kept any more", last, cut.sent.Load())
		}
		close(cut.lost)
		synctest.Wait()
		for n := 400; n < 410; n++ {
			w.say(w.topics[1+n%2], body(n))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := slow.messages(t)
		for i, m := range got[:len(came)] {
			if m.N != i {
				t.Fatalf("message %d came at %d", m.N, i)
			}
		}
		told, after := got[len(came)], got[len(came)+1:]
		if want := (message{Type: "missed", Since: came[len(came)-1].Offset, Offset: 400}); told != want {
			t.Errorf("it was told %+v, want %+v", told, want)
		}
		if n := numbers(after); !slices.Equal(n, []int{400, 401, 402, 403, 404, 405, 406, 407, 408, 409}) {
			t.Errorf("then it got %v", n)
		}
		if n := len(fast.messages(t)); n != 410 {
			t.Errorf("another client got %d messages", n)
		}
	})
}

const one, two = "09d65887-4e12-46d1-96d1-e8441645235b", "7a8f9510-5764-42d4-ae94-136c37cc19d4"

func (w *world) sayAs(uuid string, topic *hub.Topic, body string) {
	w.say(topic, body, "Nats-Msg-Id", contract.ChannelMessageID(uuid, topic.Name))
}

func TestEditsChangeTheMessageBeforeThem(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		a, b := w.topics[1], w.topics[2]
		w.sayAs(one, a, `{"message":"a","catchup":false}`)
		w.sayAs(one, b, `{"message":"same uuid, another channel","catchup":false}`)
		w.say(a, `{"message":"a2","type":"edit"}`, contract.HeaderEdit, one)
		w.say(a, `{"message":"a3","type":"edit"}`, contract.HeaderEdit, one)
		w.say(a, `{"message":"of nothing here","type":"edit"}`, contract.HeaderEdit, two)
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{})
		synctest.Wait()
		var got []string
		for _, m := range c.messages(t) {
			got = append(got, m.Message)
		}
		want := []string{"a3", "same uuid, another channel", "a2", "a3", "of nothing here"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestEditsChangeMessagesThatAreSentInPieces(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		a, pad := w.topics[1], strings.Repeat("x", 200)
		const many = 200
		id := func(n int) string { return fmt.Sprintf("09d65887-4e12-46d1-96d1-%012d", n) }
		for n := range many {
			w.sayAs(id(n), a, fmt.Sprintf(`{"n":%d,"message":"old","pad":%q,"catchup":false}`, n, pad))
		}
		for n := range many {
			w.say(a, `{"message":"older","type":"edit"}`, contract.HeaderEdit, id(n))
			w.say(a, `{"message":"new","type":"edit"}`, contract.HeaderEdit, id(n))
		}
		c := &client{speed: 20 * time.Millisecond}
		w.enter(t, c, &past{world: w, topics: w.topics, most: 10}, 0, resume.Limits{})
		time.Sleep(time.Minute)
		synctest.Wait()
		got := c.messages(t)
		if len(got) != 3*many {
			t.Fatalf("%d messages came", len(got))
		}
		for n, m := range got[:many] {
			if m.N != n || m.Message != "new" || !m.CatchUp {
				t.Fatalf("message %d came as %+v", n, m)
			}
		}
	})
}

func TestAnEditChangesTheMessageToItsAudience(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		a := w.topics[1]
		audience := contract.Audience([]string{"alice"}, nil)
		w.sayAs(one, a, `{"message":"to all","catchup":false}`)
		w.say(a, `{"message":"to alice","catchup":false}`, contract.HeaderPM, "alice",
			"Nats-Msg-Id", contract.WithAudience(contract.ChannelMessageID(one, a.Name), audience))
		w.say(a, `{"message":"to alice, edited"}`, contract.HeaderEdit, one, contract.HeaderOf, audience, contract.HeaderPM, "alice")
		w.say(a, `{"message":"to all, edited"}`, contract.HeaderEdit, one)
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{})
		synctest.Wait()
		var got []string
		for _, m := range c.messages(t) {
			got = append(got, m.Message)
		}
		want := []string{"to all, edited", "to alice, edited", "to alice, edited", "to all, edited"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestWhatWasRemovedIsNotSentAndItsEditsAreNot(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		a := w.topics[1]
		w.sayAs(one, a, `{"message":"secret","catchup":false}`)
		w.say(a, `{"message":"secret too","type":"edit"}`, contract.HeaderEdit, one)
		w.say(a, `{"type":"delete"}`, contract.HeaderDelete, one)
		w.sayAs(two, a, `{"message":"kept","catchup":false}`)
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{})
		synctest.Wait()
		if got := c.messages(t); len(got) != 2 || got[0].Type != "delete" || got[1].Message != "kept" {
			t.Errorf("%+v", got)
		}
	})
}

func TestOnlyWhatIsForTheUserIsSent(t *testing.T) {
	t.Parallel()
	story(t, func(t *testing.T, w *world) {
		a := w.topics[1]
		w.say(a, body(1), contract.HeaderPM, "bob,alice")
		w.say(a, body(2), contract.HeaderPM, "bob")
		w.say(a, body(3), contract.HeaderExclude, "alice")
		w.say(a, body(4), contract.HeaderPM, "alice", contract.HeaderExclude, "alice")
		w.say(a, body(5), contract.HeaderExclude, "bob")
		c := &client{}
		w.enter(t, c, &past{world: w, topics: w.topics}, 0, resume.Limits{})
		synctest.Wait()
		if got := numbers(c.messages(t)); !slices.Equal(got, []int{1, 5}) {
			t.Errorf("%v", got)
		}
	})
}

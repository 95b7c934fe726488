package hub_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is an outlet that remembers what it was given.
type client struct {
	member *hub.Member

	mu     sync.Mutex
	got    []string // payloads of frames; pings as "ping"
	reason contract.Reason
	refuse contract.Reason // what Send answers
	onSend func()          // called once by Send
	delay  time.Duration   // that Send takes, of the bubble's clock
	ended  contract.Reason
}

func (c *client) Bind(m *hub.Member) { c.member = m }

func (c *client) Send(p []byte, _ time.Time) contract.Reason {
	time.Sleep(c.delay)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onSend != nil {
		c.onSend()
		c.onSend = nil
	}
	for len(p) > 0 {
		payload, rest := cut(p)
		c.got = append(c.got, payload)
		p = rest
	}
	return c.refuse
}

// cut takes the first frame of a server off: RFC 6455 section 5.2, without a mask.
func cut(p []byte) (payload string, rest []byte) {
	size, at := int(p[1]), 2
	if size == 126 {
		size, at = int(p[2])<<8|int(p[3]), 4
	}
	return string(p[at : at+size]), p[at+size:]
}

func (c *client) Ping(time.Time) contract.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, "ping")
	return ""
}

func (c *client) Waiting(time.Time) (int, contract.Reason) { return 0, "" }

func (c *client) Close(r contract.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason = r
}

func (c *client) closed(r contract.Reason, _ uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = r
}

func (c *client) frames() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func (c *client) text() string { return strings.Join(c.frames(), " ") }

func (c *client) end() contract.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

type uncounted struct{}

func (uncounted) Opened(string)                  {}
func (uncounted) Closed(string, contract.Reason) {}
func (uncounted) Upgraded(string, string)        {}
func (uncounted) Batch(int)                      {}
func (uncounted) Delay(time.Duration)            {}

// story runs a test with a hub in a bubble of its own time.
func story(t *testing.T, shards int, tell func(t *testing.T, h *hub.Hub)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Config{
			Shards: shards, HeartbeatEvery: 10 * time.Second, HeartbeatTimeout: 4 * time.Second, Observer: uncounted{},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.Run(ctx) }() //nolint:errcheck // it has no error to give
		tell(t, h)
		cancel()
		<-done
	})
}

func open(t *testing.T, h *hub.Hub, user string, topics ...*hub.Topic) *client {
	t.Helper()
	c := &client{}
	m := h.Open(c, frame.Lists, "test", c.closed)
	change(t, m, hub.Change{User: user, Join: topics})
	return c
}

func change(t *testing.T, m *hub.Member, c hub.Change) {
	t.Helper()
	if err := m.Change(t.Context(), c); err != nil {
		t.Fatalf("change: %v", err)
	}
}

func want(t *testing.T, c *client, text string) {
	t.Helper()
	synctest.Wait()
	if got := c.text(); got != text {
		t.Errorf("client got %q, want %q", got, text)
	}
}

func TestAMessageReachesEveryMemberOfItsTopicAndNobodyElse(t *testing.T) {
	story(t, 3, func(t *testing.T, h *hub.Hub) {
		news, sport := h.NewTopic("news", "s.news"), h.NewTopic("sport", "s.sport")
		a, b, c := open(t, h, "a", news), open(t, h, "b", news, sport), open(t, h, "c", sport)
		h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
		want(t, a, `[{"n":1}]`)
		want(t, b, `[{"n":1}]`)
		want(t, c, ``)
	})
}

func TestMessagesOfOneTopicInOneBatchBecomeOneFrame(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		news := h.NewTopic("news", "s.news")
		a := open(t, h, "a", news)
		hold(a.member, func() {
			for i := range 3 {
				h.Publish(news, hub.Message{Message: frame.Message{Body: fmt.Appendf(nil, `{"n":%d}`, i)}})
			}
		})
		want(t, a, `[{"n":0},{"n":1},{"n":2}]`)
	})
}

// hold keeps the member's shard busy while f runs, so that all that f does is one batch.
func hold(m *hub.Member, f func()) {
	busy, release := make(chan struct{}), make(chan struct{})
	m.Use(func(hub.Outlet) contract.Reason { close(busy); <-release; return "" })
	<-busy
	f()
	close(release)
}

func TestMessagesOfSeveralTopicsKeepTheOrderInWhichTheyWerePublished(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x, y := h.NewTopic("x", "s.x"), h.NewTopic("y", "s.y")
		both, onlyX, alsoBoth := open(t, h, "a", x, y), open(t, h, "b", x), open(t, h, "c", x, y)
		hold(both.member, func() {
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
			h.Publish(y, hub.Message{Message: frame.Message{Body: []byte(`{"n":3}`)}})
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":4}`)}})
		})
		want(t, both, `[{"n":1},{"n":2}] [{"n":3}] [{"n":4}]`)
		want(t, alsoBoth, `[{"n":1},{"n":2}] [{"n":3}] [{"n":4}]`)
		want(t, onlyX, `[{"n":1},{"n":2}] [{"n":4}]`)
	})
}

func TestAPrivateMessageInAChannelReachesOnlyThoseUsersWhoAreInIt(t *testing.T) {
	story(t, 2, func(t *testing.T, h *hub.Hub) {
		news, other := h.NewTopic("news", "s.news"), h.NewTopic("other", "s.other")
		a, a2, b, c := open(t, h, "a", news), open(t, h, "a", news), open(t, h, "b", news), open(t, h, "c", other)
		h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{}`)}, Rule: &hub.Rule{Only: []string{"a", "c", "a"}}})
		want(t, a, `[{}]`)
		want(t, a2, `[{}]`)
		want(t, b, ``)
		want(t, c, ``)
	})
}

func TestAnExcludedUserGetsNothingAlsoWhenNamed(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		news := h.NewTopic("news", "s.news")
		a, b := open(t, h, "a", news), open(t, h, "b", news)
		h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}, Rule: &hub.Rule{Except: []string{"a"}}})
		h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}, Rule: &hub.Rule{Only: []string{"a", "b"}, Except: []string{"a"}}})
		want(t, a, ``)
		want(t, b, `[{"n":1}] [{"n":2}]`)
	})
}

func TestAChangeTakesEffectBetweenTwoMessages(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x, y := h.NewTopic("x", "s.x"), h.NewTopic("y", "s.y")
		a := open(t, h, "a", x)
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
		change(t, a.member, hub.Change{Join: []*hub.Topic{y}, Leave: []*hub.Topic{x}, Packets: [][]byte{[]byte("told")}})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		h.Publish(y, hub.Message{Message: frame.Message{Body: []byte(`{"n":3}`)}})
		want(t, a, `[{"n":1}] told [{"n":3}]`)
	})
}

// A client that is told of its channels may have its app post there before the shard has gone on.
func TestAChangeIsInForceBeforeTheClientIsToldOfIt(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		c := &client{onSend: func() { h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}}) }}
		m := h.Open(c, frame.Packets, "test", c.closed)
		change(t, m, hub.Change{User: "a", Open: frame.Stream, Join: []*hub.Topic{x}, Packets: [][]byte{[]byte("welcome")}})
		want(t, c, `welcome 42/stream,["message",[{"n":1}]]`)
	})
}

func TestAMemberThatEndsWhileItIsChangedJoinsNothing(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		gone, other := open(t, h, "a"), open(t, h, "b", x)
		gone.refuse = contract.ReasonClosed
		hold(gone.member, func() {
			gone.member.Send([]byte("anything"))
			go gone.member.Change(t.Context(), hub.Change{Open: frame.Stream, Join: []*hub.Topic{x}}) //nolint:errcheck // either way
			synctest.Wait()
		})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
		want(t, other, `[{"n":1}]`)
		if got := h.Delivered(); got != 1 {
			t.Errorf("%d messages were delivered, want 1", got)
		}
	})
}

func TestLeavingKeepsTheOthersInPlace(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		clients := []*client{open(t, h, "0", x), open(t, h, "1", x), open(t, h, "2", x), open(t, h, "3", x)}
		change(t, clients[0].member, hub.Change{Leave: []*hub.Topic{x}})
		clients[2].member.Close(contract.ReasonClosed)
		change(t, clients[3].member, hub.Change{Leave: []*hub.Topic{x}})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{}`)}})
		for i, text := range []string{``, `[{}]`, ``, ``} {
			want(t, clients[i], text)
		}
	})
}

func TestASocketIOMemberGetsNoListsBeforeItHasANamespaceAndOneForEach(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		c := &client{}
		m := h.Open(c, frame.Packets, "test", c.closed)
		change(t, m, hub.Change{User: "a", Join: []*hub.Topic{x}})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":0}`)}})
		change(t, m, hub.Change{Open: frame.Stream})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
		change(t, m, hub.Change{Open: frame.Root})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		want(t, c, `42/stream,["message",[{"n":1}]] 42["message",[{"n":2}]] 42/stream,["message",[{"n":2}]]`)
	})
}

func TestASilentMemberIsPingedAndThenClosed(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		silent, lively := open(t, h, "a"), open(t, h, "b")
		time.Sleep(11 * time.Second)
		lively.member.Touch()
		time.Sleep(5 * time.Second)
		if got := silent.end(); got != contract.ReasonHeartbeatTimeout {
			t.Errorf("the silent member ended with %q", got)
		}
		if got := lively.end(); got != "" {
			t.Errorf("the lively member ended with %q", got)
		}
		want(t, silent, "ping")
	})
}

// Engine.IO protocol 3: the client pings, once in an interval, which may be longer than the timeout.
func TestAMemberWhoseClientPingsIsHeardForAnIntervalAndATimeout(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		c := &client{}
		h.Open(c, frame.Packets3, "test", c.closed)
		for range 5 {
			time.Sleep(9900 * time.Millisecond)
			c.member.Touch()
		}
		time.Sleep(13 * time.Second)
		if got := c.end(); got != "" {
			t.Errorf("it ended with %q after less than that", got)
		}
		time.Sleep(2 * time.Second)
		if got := c.end(); got != contract.ReasonHeartbeatTimeout {
			t.Errorf("it ended with %q", got)
		}
		want(t, c, "")
	})
}

func TestAMemberThatCannotBeSentToIsClosedForTheReasonGiven(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		slow, other := open(t, h, "a", x), open(t, h, "b", x)
		slow.refuse = contract.ReasonSlowConsumer
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		synctest.Wait()
		if got := slow.end(); got != contract.ReasonSlowConsumer {
			t.Errorf("ended with %q", got)
		}
		if err := slow.member.Change(t.Context(), hub.Change{}); err != hub.ErrClosed {
			t.Errorf("change of a closed member: %v", err)
		}
		if got := strings.Count(other.text(), "n"); got != 2 {
			t.Errorf("the other got %q", other.text())
		}
	})
}

func TestSpreadSendsEverybodyAwayOverTheWindow(t *testing.T) {
	story(t, 2, func(t *testing.T, h *hub.Hub) {
		var clients []*client
		for range 100 {
			clients = append(clients, open(t, h, "a"))
		}
		go h.Spread(t.Context(), 10*time.Second, contract.ReasonDraining)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if left := h.Sessions(); left < 30 || left > 70 {
			t.Errorf("%d of 100 are left at half time", left)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		for _, c := range clients {
			if c.end() != contract.ReasonDraining {
				t.Fatalf("ended with %q", c.end())
			}
		}
	})
}

func TestTheEndOfAHubClosesItsMembers(t *testing.T) {
	var c *client
	story(t, 2, func(t *testing.T, h *hub.Hub) { c = open(t, h, "a") })
	if c.end() != contract.ReasonShuttingDown {
		t.Errorf("ended with %q", c.end())
	}
}

func TestTheRestOfAListIsWaitedForSoThatItIsOneFrame(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a := open(t, h, "a", x)
		for i, more := range []bool{true, true, false} {
			h.Publish(x, hub.Message{Message: frame.Message{Body: fmt.Appendf(nil, `{"n":%d}`, i)}, More: more})
			synctest.Wait()
		}
		want(t, a, `[{"n":0},{"n":1},{"n":2}]`)
	})
}

func TestTheRestOfAListIsNotWaitedForLong(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a := open(t, h, "a", x)
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":0}`)}, More: true})
		want(t, a, ``)
		time.Sleep(5 * time.Millisecond)
		want(t, a, `[{"n":0}]`)
	})
}

func TestAShardThatIsBusyWithBatchesWaitsForCompany(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a := open(t, h, "a", x)
		a.delay = 4 * time.Millisecond
		hold(a.member, func() {
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":1}`)}})
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		})
		time.Sleep(5 * time.Millisecond) // the batch is written
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":3}`)}})
		time.Sleep(500 * time.Microsecond)
		h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":4}`)}})
		time.Sleep(10 * time.Millisecond)
		want(t, a, `[{"n":1},{"n":2}] [{"n":3},{"n":4}]`)
	})
}

func TestMessagesThatComeOneByOneDoNotWait(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a := open(t, h, "a", x)
		a.delay = 4 * time.Millisecond
		text := ""
		for i := range 3 {
			h.Publish(x, hub.Message{Message: frame.Message{Body: fmt.Appendf(nil, `{"n":%d}`, i)}})
			time.Sleep(4*time.Millisecond + time.Microsecond) // just what writing it takes
			text += fmt.Sprintf(` [{"n":%d}]`, i)
			want(t, a, text[1:])
		}
	})
}

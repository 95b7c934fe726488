package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

func logged(body string, offset uint64) hub.Message {
	return hub.Message{Message: frame.Message{Body: []byte(body), Offset: offset}}
}

func TestWhatIsPublishedRightAfterAChangeReachesTheMember(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a := open(t, h, "a")
		done := make(chan error, 1)
		hold(a.member, func() { // the shard has not come to the change yet, and nobody is in the topic
			a.member.Apply(hub.Change{Join: []*hub.Topic{x}, Past: []frame.Message{{Body: []byte(`{"n":1}`), Late: true}}}, done)
			h.Publish(x, hub.Message{Message: frame.Message{Body: []byte(`{"n":2}`)}})
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want(t, a, `[{"n":1,"catchup":true}] [{"n":2}]`)
	})
}

func TestAMemberIsToldNowAndThenHowFarItHasCome(t *testing.T) {
	story(t, 2, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		a, silent := open(t, h, "a", x), open(t, h, "b", x)
		change(t, a.member, hub.Change{Notices: true})
		alive := func() {
			for range 4 {
				time.Sleep(3 * time.Second)
				a.member.Touch()
				silent.member.Touch()
			}
		}
		alive()
		want(t, a, `ping`)
		h.Publish(x, logged(`{"n":1}`, 7))
		alive()
		want(t, a, `ping [{"n":1,"offset":7}] ping [{"type":"offset","offset":7}]`)
		alive()
		want(t, a, `ping [{"n":1,"offset":7}] ping [{"type":"offset","offset":7}] ping`)
		h.Mark(9) // nothing came, but the log went on
		alive()
		want(t, a, `ping [{"n":1,"offset":7}] ping [{"type":"offset","offset":7}] ping ping [{"type":"offset","offset":9}]`)
		want(t, silent, `ping [{"n":1,"offset":7}] ping ping ping`)
	})
}

func TestAMemberThatEndsSaysHowFarItCame(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		ended := func(changes ...hub.Change) (offset uint64) {
			m := h.Open(&client{}, frame.Lists, "test", func(_ contract.Reason, at uint64) { offset = at })
			for _, c := range changes {
				change(t, m, c)
			}
			m.Close(contract.ReasonClosed)
			synctest.Wait()
			return offset
		}
		h.Publish(x, logged(`{}`, 5))
		if got := ended(hub.Change{Join: []*hub.Topic{x}, Offset: 4}); got != 4 {
			t.Errorf("a member of a quiet shard came to %d, want where it began", got)
		}
		h.Mark(9)
		if got := ended(hub.Change{Join: []*hub.Topic{x}, Offset: 4}); got != 9 {
			t.Errorf("a member came to %d, want 9", got)
		}
		if got := ended(hub.Change{Offset: 3, Behind: true}, hub.Change{Leave: []*hub.Topic{x}}); got != 3 {
			t.Errorf("a member that was behind came to %d, want 3", got)
		}
		if got := ended(hub.Change{Offset: 3, Behind: true}, hub.Change{Offset: 8}); got != 9 {
			t.Errorf("a member that had caught up came to %d, want 9", got)
		}
	})
}

func TestWaitingSaysWhatIsNotReadAndThatAMemberIsGone(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		a := open(t, h, "a")
		if n, err := a.member.Waiting(t.Context()); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		a.member.Close(contract.ReasonClosed)
		if _, err := a.member.Waiting(t.Context()); err != hub.ErrClosed { //nolint:errorlint // it is not wrapped
			t.Error(err)
		}
	})
}

func TestWhatWasMissedInOneNamespaceComesThereAloneBetweenTwoMessages(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		c := &client{}
		m := h.Open(c, frame.Packets, "test", c.closed)
		change(t, m, hub.Change{User: "a", Open: frame.Stream, Join: []*hub.Topic{x}, Offset: 1})
		hold(m, func() {
			h.Publish(x, logged(`{"n":3}`, 3))
			past := []frame.Message{{Body: []byte(`{"n":2}`), Offset: 2, Late: true}, {Body: []byte(`{"n":3}`), Offset: 3, Late: true}}
			m.Apply(hub.Change{Open: frame.Root, In: frame.Root, Packets: [][]byte{[]byte("welcome")}, Past: past}, make(chan error, 1))
			h.Publish(x, logged(`{"n":4}`, 4))
		})
		want(t, c, `42/stream,["message",[{"n":3,"offset":3}],"3"] welcome `+
			`42["message",[{"n":2,"catchup":true,"offset":2},{"n":3,"catchup":true,"offset":3}],"3"] `+
			`42["message",[{"n":4,"offset":4}],"4"] 42/stream,["message",[{"n":4,"offset":4}],"4"]`)
	})
}

func TestANamespaceThatTheClientHasLeftOpensNoMore(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		x := h.NewTopic("x", "s.x")
		c := &client{}
		m := h.Open(c, frame.Packets, "test", c.closed)
		change(t, m, hub.Change{User: "a", Open: frame.Stream, Join: []*hub.Topic{x}})
		left := make(chan struct{})
		done := make(chan error, 1)
		hold(m, func() {
			m.Apply(hub.Change{Open: frame.Root, Packets: [][]byte{[]byte("welcome")}, Left: left}, done)
			close(left)
		})
		if err := <-done; err != hub.ErrLeft {
			t.Errorf("the change is answered with %v", err)
		}
		h.Publish(x, logged(`{"n":1}`, 1))
		want(t, c, `42/stream,["message",[{"n":1,"offset":1}],"1"]`)
	})
}

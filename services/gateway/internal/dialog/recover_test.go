package dialog_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func TestEachNamespaceOfAConnectionIsRecovered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news", "sport")
	g.Presence.Allow("bob", "news", "sport")
	other := g.Beside()
	for user, query := range map[string]string{"alice": "conn_id=c1", "bob": gatewaytest.Credentials("bob")} {
		s, root, stream := both(t, g, query)
		s.Send(`42["join",["news","sport"]]`)
		s.Want(`42["join",`)
		last := 1
		g.Store("news", said(last))
		hear(t, s, last, root, stream)
		for _, at := range []*gatewaytest.Gateway{g, other, other} {
			s.Drop()
			g.Store("sport", said(last+1))
			g.StoreToUser(user, said(last+2))
			s = at.Engine(query)
			connects(t, s, stream, root)
			wantRecovered(t, stream, root)
			last += 3
			g.Store("news", said(last))
			hear(t, s, last, root, stream)
		}
		root.wantUpTo(t, 1, last)
		stream.wantUpTo(t, 1, last)
		s.WantNothing()
	}
}

// What is written to both at once may have come to one of them only.
func TestNamespacesAreRecoveredFromWhereEachStopped(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	g.Store("news", said(1))
	hear(t, s, 1, root, stream)
	before := *root
	g.Store("news", said(2))
	hear(t, s, 2, root, stream)
	for _, swapped := range []bool{false, true} {
		*root = before
		s.Drop()
		s = g.Engine("conn_id=c1")
		spaces := []*space{root, stream}
		if swapped {
			slices.Reverse(spaces)
		}
		connects(t, s, spaces...)
		wantRecovered(t, spaces...)
		hear(t, s, 2, spaces...)
	}
	g.Store("news", said(3))
	hear(t, s, 3, root, stream)
	root.wantUpTo(t, 1, 3)
	stream.wantUpTo(t, 1, 3)
}

func TestANamespaceThatHasGotNothingYetIsRecovered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	s.Drop()
	g.Store("news", said(1))
	s = g.Engine("conn_id=c1")
	connects(t, s, root, stream)
	wantRecovered(t, root, stream)
	hear(t, s, 1, root, stream)
}

func TestANamespaceThatConnectsLaterIsRecoveredToo(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	g.Store("news", said(1))
	hear(t, s, 1, root, stream)
	s.Drop()
	g.Store("news", said(2))
	s = g.Engine("conn_id=c1")
	connects(t, s, root)
	g.Store("news", said(3))
	hear(t, s, 3, root)
	connects(t, s, stream)
	wantRecovered(t, root, stream)
	g.Store("news", said(4))
	hear(t, s, 4, root, stream)
	root.wantUpTo(t, 1, 4)
	stream.wantUpTo(t, 1, 4)
}

func TestNothingIsLostOrDoubledInEitherNamespaceUnderTraffic(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	gateways := []*gatewaytest.Gateway{g, g.Beside()}
	s, root, stream := both(t, g, "conn_id=c1")
	const rounds, each = 10, 20
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		for n := range rounds * each {
			g.Store("news", said(n))
		}
	}()
	for round := range rounds {
		spaces := []*space{root, stream}
		hearOne(t, s, round*each, spaces[round%2], spaces[1-round%2])
		s.Drop()
		s = gateways[round%2].Engine("conn_id=c1")
		connects(t, s, spaces...)
		wantRecovered(t, spaces...)
	}
	<-stored
	hear(t, s, rounds*each-1, root, stream)
	root.wantUpTo(t, 0, rounds*each-1)
	stream.wantUpTo(t, 0, rounds*each-1)
}

func TestAPollingClientRecoversEachNamespace(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	s.Drop()
	g.Store("news", said(1))
	p := g.Poller("conn_id=c1")
	p.Send(root.connect() + "\x1e" + stream.connect())
	read(t, polled(p), has(1), root, stream)
	wantRecovered(t, root, stream)
}

func TestAPrivateIdOfAnotherConnectionIsWorthNothingInASecondNamespace(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "secret")
	owner, root, stream := both(t, g, "conn_id=c1")
	g.Store("secret", said(1))
	hear(t, owner, 1, root, stream)
	holder := g.Presence.Holder("c1")
	for name, pid := range map[string]string{
		"foreign": root.welcome.PID, "too long": root.welcome.PID + ".1", "no id": "x", "no connection": "." + root.welcome.SID + ".1",
	} {
		id := "of-" + strings.ReplaceAll(name, " ", "-")
		g.Presence.Register(id, "mallory", id) // a channel of its own, in which nothing of before may come late
		s := g.Engine("conn_id=" + id)
		s.Send("40/stream,")
		s.Want("40/stream,{")
		s.Send(fmt.Sprintf(`40{"pid":%q,"offset":"1"}`, pid))
		if now := welcomed(t, s, "40"); now.PID == pid || now.SID == root.welcome.SID || connectionOf(t, now) != id {
			t.Errorf("%s: the client is taken for another: %+v", name, now)
		}
		if name == "foreign" {
			s.Want(`42["missed",{"type":"missed","channel":null,"since":1}]`)
		}
		g.Store(id, said(2))
		s.Want(`42["message",[{"n":2,`)
		s.Want(`42/stream,["message",[{"n":2,`)
		s.WantNothing()
	}
	if now := g.Presence.Holder("c1"); now != holder {
		t.Error("the owner has lost its connection")
	}
	owner.WantNothing()
}

func TestOnlyTheNamespaceThatStoppedTooLongAgoIsToldThatItMissedSomething(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	g.Store("news", said(1))
	hear(t, s, 1, root, stream)
	s.Drop()
	g.Store("news", said(2))
	s = g.Engine("conn_id=c1")
	stream.offset, stream.numbers = "17", nil
	connects(t, s, root, stream)
	wantRecovered(t, root)
	hear(t, s, 2, root, stream)
	stream.wantUpTo(t, 1, 2) // what the log still has
	if stream.same || root.missed != 0 || stream.missed != 1 {
		t.Errorf("%d times in the root, %d in the other", root.missed, stream.missed)
	}
}

func TestANamespaceThatWasLeftDoesNotGoOnWhereItStopped(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	g.Store("news", said(1))
	hear(t, s, 1, root, stream)
	s.Send("41")
	s.Send(`42/stream,1["fence"]`)
	s.Want("43/stream,1[]")
	g.Store("news", said(2))
	hear(t, s, 2, stream)
	connects(t, s, root)
	g.Store("news", said(3))
	hear(t, s, 3, root, stream)
	if root.same || root.missed != 1 || !slices.Equal(root.numbers, []int{1, 3}) {
		t.Errorf("%+v", root)
	}
	s.Drop() // and from now on it is recovered as the other
	g.Store("news", said(4))
	s = g.Engine("conn_id=c1")
	connects(t, s, root, stream)
	wantRecovered(t, root, stream)
	hear(t, s, 4, root, stream)
	stream.wantUpTo(t, 1, 4)
}

const manyMissed = 20

// missMuch has two namespaces miss much more than may wait for a client that polls, as which it comes back. next gives what it polls for.
func missMuch(t *testing.T) (g *gatewaytest.Gateway, p *gatewaytest.Poller, next func() string, root, stream *space) {
	t.Helper()
	g = gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64KiB", "CHANNELSTREAM_MAX_MESSAGE=32KiB")
	g.Presence.Register("c1", "alice", "news", "sport")
	g.Presence.Allow("alice", "more")
	s, root, stream := both(t, g, "conn_id=c1")
	s.Drop()
	pad := strings.Repeat("x", 20_000)
	for n := range manyMissed {
		g.Store("news", fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, pad))
	}
	root.answers, stream.answers = 0, 0
	p = g.Poller("conn_id=c1")
	return g, p, polled(p), root, stream
}

func TestANamespaceWaitsForOneThatMissedMuch(t *testing.T) {
	t.Parallel()
	g, p, next, root, stream := missMuch(t)
	p.Send(root.connect() + "\x1e" + stream.connect())
	read(t, next, has(manyMissed-1), root)
	g.Store("sport", said(manyMissed))
	read(t, next, has(manyMissed), root, stream)
	g.Store("news", said(manyMissed+1))
	read(t, next, has(manyMissed+1), root, stream)
	root.wantUpTo(t, 0, manyMissed+1)
	stream.wantUpTo(t, 0, manyMissed+1)
	wantRecovered(t, root, stream)
	if root.missed+stream.missed > 0 {
		t.Error("the client is told that it missed something")
	}
}

func TestANamespaceThatIsLeftBeforeItsTurnDoesNotOpen(t *testing.T) {
	t.Parallel()
	g, p, next, root, stream := missMuch(t)
	p.Send(root.connect() + "\x1e" + stream.connect())
	p.Send("41/stream,")
	p.Send(stream.connect()) // it is asked for again
	read(t, next, has(manyMissed-1), root)
	read(t, next, func(s *space) bool { return s.missed > 0 }, stream)
	g.Store("news", said(manyMissed))
	read(t, next, has(manyMissed), root, stream)
	root.wantUpTo(t, 0, manyMissed)
	if stream.answers != 1 || stream.same || len(stream.numbers) != 1 {
		t.Errorf("%+v", stream)
	}
}

func TestAClientThatAsksForANamespaceAgainAndAgainIsClosed(t *testing.T) {
	t.Parallel()
	_, p, _, root, _ := missMuch(t)
	p.Send(root.connect())
	answer := p.Post(strings.Repeat("40/stream,\x1e41/stream,\x1e", 20) + "40/stream,")
	if answer.Status != http.StatusBadRequest {
		t.Errorf("the post was answered with %d %s", answer.Status, answer.Body)
	}
}

func TestANamespaceOpensWhenTheOneBeforeItIsLeft(t *testing.T) {
	t.Parallel()
	g, p, next, root, stream := missMuch(t)
	p.Send(root.connect() + "\x1e" + stream.connect())
	p.Send("41")
	g.Store("sport", said(manyMissed))
	read(t, next, func(s *space) bool { return s == root || has(manyMissed)(s) }, stream, root)
	stream.wantUpTo(t, 0, manyMissed)
	wantRecovered(t, stream)
	if len(root.numbers) > 4 {
		t.Errorf("in the one that is left came %v", root.numbers)
	}
}

func TestANamespaceThatMissedMuchIsToldWhatItLacksOfAChannelThatIsJoinedMeanwhile(t *testing.T) {
	t.Parallel()
	g, p, next, root, stream := missMuch(t)
	p.Send(root.connect() + "\x1e" + stream.connect())
	read(t, next, func(s *space) bool { return s == root || has(0)(s) }, root, stream)
	p.Send(`42["join",["more"]]`)
	g.Store("more", said(manyMissed))
	g.Store("sport", said(manyMissed+1))
	read(t, next, func(s *space) bool { return s == root || s.missed > 0 }, root, stream)
	g.Store("news", said(manyMissed+2))
	read(t, next, has(manyMissed+2), root, stream)
	root.wantUpTo(t, 0, manyMissed+2)
	wantRecovered(t, root, stream)
	if stream.missed != 1 || root.missed != 0 {
		t.Errorf("it is told %d times, and the other %d times", stream.missed, root.missed)
	}
}

// upgrade has a session move to the gateway at which its poller is.
func upgrade(t *testing.T, p *gatewaytest.Poller) *gatewaytest.Socket {
	t.Helper()
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	s.Send("5")
	s.Want("2")
	s.Send("3")
	return s
}

func TestNamespacesThatMovedToAnotherGatewayAreRecovered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	other := g.Beside()
	g.Presence.Register("c1", "alice", "news")
	s, root, stream := both(t, g, "conn_id=c1")
	last := 1
	g.Store("news", said(last))
	hear(t, s, last, root, stream)
	for _, late := range []bool{false, true} { // the second one connects when the first has moved
		s.Drop()
		g.Store("news", said(last+1))
		p := g.Poller("conn_id=c1")
		p.Send(root.connect())
		next := polled(p)
		read(t, next, has(last+1), root)
		if !late {
			p.Send(stream.connect())
			read(t, next, has(last+1), stream)
		}
		s = upgrade(t, p.At(other))
		g.Store("news", said(last+2))
		hear(t, s, last+2, root)
		if late {
			connects(t, s, stream)
		}
		last += 3
		g.Store("news", said(last))
		hear(t, s, last, root, stream)
		wantRecovered(t, root, stream)
	}
	s.Drop()
	g.Store("news", said(last+1))
	s = g.Engine("conn_id=c1")
	connects(t, s, root, stream)
	wantRecovered(t, root, stream)
	hear(t, s, last+1, root, stream)
	root.wantUpTo(t, 1, last+1)
	stream.wantUpTo(t, 1, last+1)
}

// How far a namespace has come that is behind others does not move with the session, so the session does not either.
func TestASessionDoesNotMoveWhileANamespaceIsBehindOthers(t *testing.T) {
	t.Parallel()
	for at, steps := range []string{"try", "drain", "take"} {
		g, p, next, root, stream := missMuch(t)
		there := p.At(g.Beside())
		if at == 0 {
			p.Send(root.connect() + "\x1e" + stream.connect())
			there.Upgrade().WantClose(1002, "protocol_error")
		} else {
			s := there.Upgrade()
			if at == 2 {
				s.Send("2probe")
				s.Want("3probe")
			}
			p.Send(root.connect() + "\x1e" + stream.connect())
			s.Send([]string{"2probe", "5"}[at-1])
			if _, text, err := s.ReadMessage(); err == nil {
				t.Errorf("%s: got %s", steps, text)
			}
		}
		g.Store("news", said(manyMissed))
		read(t, next, has(manyMissed), root, stream)
		root.wantUpTo(t, 0, manyMissed)
		stream.wantUpTo(t, 0, manyMissed)
		wantRecovered(t, root, stream)
	}
}

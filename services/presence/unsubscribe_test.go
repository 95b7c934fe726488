package presence

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func (h *system) unsubscribe(q contract.UnsubscribeRequest) contract.UnsubscribeAnswer {
	h.t.Helper()
	return must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, q)
}

func (h *system) allow(user string, channels ...string) {
	h.t.Helper()
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{User: user, Channels: channels})
}

func (h *system) join(connID, gateway, session string, channels ...string) contract.ChannelsAnswer {
	h.t.Helper()
	return must[contract.ChannelsAnswer](h, contract.VerbJoin,
		contract.JoinRequest{ConnID: connID, Gateway: gateway, Session: session, Channels: channels})
}

// takenBack are the calls that take the channel "secret" back from alice, whose connection is c1.
func takenBack() map[string]contract.UnsubscribeRequest {
	return map[string]contract.UnsubscribeRequest{
		"from the connection": {ConnID: "c1", Channels: []string{"secret"}},
		"from the user":       {User: "alice", Channels: []string{"secret"}},
	}
}

// The permission and the membership are two records in two buckets. A join that has read the one, and is late in writing
// the other, must not undo an unsubscribe that was answered in between, though that found nothing to take from the
// connection.
func TestAJoinThatSawThePermissionDoesNotOutliveAnUnsubscribe(t *testing.T) {
	t.Parallel()
	for name, q := range takenBack() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newSystem(t)
			c := patient()
			c.LeaseTTL = time.Minute // the gateway renews none
			r := h.start(c)
			h.gateway("g1", true)
			h.connect("c1", "alice", "one")
			h.attach("c1", "g1", "s1")
			h.allow("alice", "secret")

			admit, decided := r.admit(t.Context(), []string{"secret"}), 0
			outcome, err := r.ledger.Connections.Change(t.Context(), "c1",
				func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
					next, err := admit(c)
					if decided++; decided == 1 {
						if err != nil || !slices.Contains(next.Channels, "secret") {
							t.Fatalf("not allowed before: %+v, %v", next, err)
						}
						h.unsubscribe(q)
					}
					return next, err
				})
			if err != nil {
				t.Fatal(err)
			}
			if decided < 2 || slices.Contains(outcome.After.Channels, "secret") {
				t.Errorf("decided %d times; the connection has %v", decided, outcome.After.Channels)
			}
			if c := r.ledger.Connections.Cached("c1"); !slices.Equal(c.Channels, []string{"one"}) {
				t.Errorf("the record has %v", c.Channels)
			}
		})
	}
}

func TestNobodyIsInAChannelAfterUnsubscribeWasAnsweredHoweverOftenItsClientJoins(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.LeaseTTL = time.Minute // the gateway renews none
	replicas := []*replica{h.start(c), h.start(c)}
	h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	for range 8 {
		for name, q := range takenBack() {
			h.allow("alice", "secret")
			var joins sync.WaitGroup
			for range 4 {
				joins.Go(func() {
					_, err := ask[contract.ChannelsAnswer](h, contract.VerbJoin,
						contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"secret"}})
					if err != nil {
						t.Error(err)
					}
				})
			}
			h.unsubscribe(q)
			joins.Wait()
			for _, r := range replicas {
				if c, _, err := r.ledger.Connections.Fresh(t.Context(), "c1"); err != nil || slices.Contains(c.Channels, "secret") {
					t.Fatalf("%s: %+v, %v", name, c, err)
				}
			}
		}
	}
}

func TestAPermissionIsTakenBackFromAUserWhereverItIs(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := resumable(time.Minute)
	c.LeaseTTL = time.Minute // the gateway renews none
	replicas := []*replica{h.led(c), h.start(c)}
	g := h.gateway("g1", true)
	h.set("one", notifyPresence)
	e := h.listen()
	for i, channels := range [][]string{{"one", "two"}, {"one"}, {"one", "three"}, {"two"}} {
		connID := "c" + strconv.Itoa(i+1)
		h.connect(connID, "alice", channels...)
		if i != 1 { // the second has not been opened yet
			h.attach(connID, "g1", "s1")
		}
	}
	h.connect("c5", "bob", "one")
	h.detach("c3", "g1", "s1", 7)
	for _, r := range replicas {
		eventually(t, "the third is dormant", func() bool { return r.state("c3") == contract.Dormant })
	}
	e.want("alice joined one", "bob joined one")

	a := h.unsubscribe(contract.UnsubscribeRequest{User: "alice", Channels: []string{"never", "one"}})
	if !slices.Equal(a.UnsubscribedFrom, []string{"one"}) || !slices.Equal(a.Channels, []string{"three", "two"}) || a.Revision == 0 {
		t.Fatalf("answer %+v", a)
	}
	e.want("alice parted one")
	g.mu.Lock()
	for _, o := range g.memberships[len(g.memberships)-2:] { // of those that are open
		if slices.Contains(o.Channels, "one") {
			t.Errorf("the gateway was told that %s has %v", o.ConnID, o.Channels)
		}
	}
	g.mu.Unlock()
	seen := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Seen: a.Seen, Channels: []string{"one"}}) // by any replica
	if one := seen.Channels["one"]; !slices.Equal(one.Users, []string{"bob"}) {
		t.Errorf("in the channel: %v", one.Users)
	}
	if joined := h.join("c4", "g1", "s1", "one", "three"); !slices.Equal(joined.Named, []string{"three"}) {
		t.Errorf("joined %v", joined.Named)
	}
	if resumed := h.mustAttach(resume("c3", "alice")); !slices.Equal(resumed.Channels, []string{"three"}) {
		t.Errorf("the client that was away has %v", resumed.Channels)
	}
	if again := h.unsubscribe(contract.UnsubscribeRequest{User: "alice", Channels: []string{"one"}}); len(again.UnsubscribedFrom) != 0 {
		t.Errorf("taken back twice: %+v", again)
	}
	refused[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe,
		contract.UnsubscribeRequest{User: "nobody", Channels: []string{"one"}}, contract.CodeInvalid, "user")
}

func TestAPermissionIsTakenBackFromAUserWithoutAConnection(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.allow("alice", "one", "two")
	a := h.unsubscribe(contract.UnsubscribeRequest{User: "alice", Channels: []string{"one"}})
	if !slices.Equal(a.Channels, []string{"two"}) || a.UnsubscribedFrom == nil || len(a.UnsubscribedFrom) != 0 {
		t.Fatalf("answer %+v", a)
	}
	h.mustAttach(contract.AttachRequest{User: "alice", NewConnID: "c1", Gateway: "g1", Session: "s1"})
	if joined := h.join("c1", "g1", "s1", "one", "two"); !slices.Equal(joined.Named, []string{"two"}) {
		t.Errorf("joined %v", joined.Named)
	}
}

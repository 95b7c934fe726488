package presence

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestConnectAttachJoinLeaveDetachInfo(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	a, b := h.start(patient()), h.start(patient())
	h.gateway("g1", true)
	h.renew("g1")

	answer := h.connect("c1", "alice", "two", "one", "two")
	if want := []string{"one", "two"}; !slices.Equal(answer.Channels, want) {
		t.Fatalf("channels %v, want %v", answer.Channels, want)
	}
	if info := answer.ChannelsInfo.Channels["one"]; info.TotalUsers != 1 || !slices.Equal(info.Users, []string{"alice"}) {
		t.Fatalf("channel one: %+v", info)
	}
	attached := h.attach("c1", "g1", "s1")
	if attached.User != "alice" || !slices.Equal(attached.Channels, []string{"one", "two"}) {
		t.Fatalf("attach: %+v", attached)
	}
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{User: "alice", Channels: []string{"three"}})
	joined := must[contract.ChannelsAnswer](h, contract.VerbJoin, contract.JoinRequest{
		ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"three", "secret", "one"},
	})
	if !slices.Equal(joined.Named, []string{"one", "three"}) || !slices.Equal(joined.Channels, []string{"one", "three", "two"}) {
		t.Fatalf("join: %+v", joined)
	}
	left := must[contract.ChannelsAnswer](h, contract.VerbLeave, contract.LeaveRequest{
		ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"two", "never"},
	})
	if !slices.Equal(left.Named, []string{"two"}) || left.Revision <= joined.Revision {
		t.Fatalf("leave: %+v after %+v", left, joined)
	}
	again := must[contract.ChannelsAnswer](h, contract.VerbJoin, contract.JoinRequest{
		ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"two"},
	})
	if !slices.Equal(again.Named, []string{"two"}) {
		t.Fatalf("leaving withdrew the permission: %+v", again)
	}
	info := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Seen: contract.Seen{Revision: again.Revision}})
	if len(info.Channels) != 3 || info.TotalConnections != 1 || info.UniqueUsers != 1 {
		t.Fatalf("info: %+v", info)
	}
	detached := must[contract.DetachAnswer](h, contract.VerbDetach, contract.DetachRequest{
		Gateway: "g1", Sessions: map[string]string{"c1": "s1", "c2": "s2"},
	})
	if detached.Detached != 1 {
		t.Fatalf("detached %d, want 1", detached.Detached)
	}
	for _, r := range []*replica{a, b} {
		eventually(t, "every replica sees it linger", func() bool { return r.state("c1") == contract.Lingering })
	}
}

func TestConnectTwiceAddsChannels(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	first := h.connect("c1", "alice", "one")
	second := h.connect("c1", "alice", "two")
	if !slices.Equal(second.Channels, []string{"one", "two"}) || second.Revision <= first.Revision {
		t.Fatalf("second connect: %+v", second)
	}
	third := h.connect("c1", "alice", "one")
	if third.Revision != second.Revision {
		t.Fatal("a connect that changes nothing wrote the connection")
	}
}

func TestConnectWithAnotherUsersConnID(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice")
	refused[contract.ConnectAnswer](h, contract.VerbConnect,
		contract.ConnectRequest{ConnID: "c1", User: "bob"}, contract.CodeConflict, "")
	if remembered := h.info().RememberedUsers; remembered != 1 {
		t.Fatalf("%d users are known after a refused connect, want 1", remembered)
	}
}

func TestConnectOfKnownUserWritesOnce(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	h.connect("c1", "alice", "one")
	before := r.ledger.Users.Cached("alice")
	h.connect("c2", "alice", "one")
	if after := r.ledger.Users.Cached("alice"); after != before {
		t.Fatal("the user's record was written again")
	}
}

func TestConnectOverTheLimitChangesNothing(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.MaxChannels = 2
	h.start(c)
	refused[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c1", User: "alice", Channels: []string{"one", "two", "three"},
	}, contract.CodeInvalid, "channels")
	if info := h.info(); info.RememberedUsers != 0 || info.TotalConnections != 0 {
		t.Fatalf("a refused connect left something: %+v", info)
	}
	h.connect("c1", "alice", "one", "two", "two")
	refused[contract.ConnectAnswer](h, contract.VerbConnect,
		contract.ConnectRequest{ConnID: "c1", User: "alice", Channels: []string{"three"}}, contract.CodeInvalid, "channels")
	refused[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{ConnID: "c1", Channels: []string{"three"}}, contract.CodeInvalid, "channels")
}

func TestAttachToUnknownConnection(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.attachRefused(contract.AttachRequest{ConnID: "nobody", Gateway: "g1", Session: "s1"}, contract.CodeInvalid, "conn_id")
	h.attachRefused(contract.AttachRequest{Gateway: "g1", Session: "s1"}, contract.CodeInvalid, "user")
}

func TestAttachTwiceIsOneAttach(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	first, second := h.attach("c1", "g1", "s1"), h.attach("c1", "g1", "s1")
	if !reflect.DeepEqual(first, second) {
		t.Fatalf("first %+v, second %+v", first, second)
	}
}

func TestAttachReplacesTheOlderSession(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	g1 := h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.attach("c1", "g2", "s2")
	want := []contract.CloseOrder{{ConnID: "c1", Session: "s1", Reason: contract.ReasonReplaced}}
	if got := g1.closed(); !reflect.DeepEqual(got, want) {
		t.Fatalf("orders %+v, want %+v", got, want)
	}
	join := contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"one"}}
	refused[contract.ChannelsAnswer](h, contract.VerbJoin, join, contract.CodeInvalid, "conn_id")
	refused[contract.ChannelsAnswer](h, contract.VerbLeave, join, contract.CodeInvalid, "conn_id")
	detach := contract.DetachRequest{Gateway: "g1", Sessions: map[string]string{"c1": "s1"}}
	if got := must[contract.DetachAnswer](h, contract.VerbDetach, detach).Detached; got != 0 {
		t.Fatalf("a replaced session detached %d connections", got)
	}
}

func TestAConnectionWhoseClientLeftIsGoneAtOnceAndMayBeOpenedAnew(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("one", notifyPresence)
	e := h.listen()
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "one")
	h.attach("c1", "g1", "s1")
	h.attach("c2", "g1", "s2")
	e.want("alice joined one", "bob joined one")
	must[contract.DetachAnswer](h, contract.VerbDetach, contract.DetachRequest{
		Gateway: "g1", Sessions: map[string]string{"c1": "s1", "c2": "s2"}, Offsets: map[string]uint64{"c1": 5}, Left: []string{"c1"},
	})
	if got := sentences([]heard{e.next()}); got[0] != "alice parted one" {
		t.Fatalf("heard %q", got)
	}
	if info := h.info(); info.TotalConnections != 1 || info.UniqueUsers != 1 {
		t.Errorf("info: %+v", info)
	}
	h.attachRefused(contract.AttachRequest{ConnID: "c1", User: "alice", Gateway: "g1", Session: "s3", Resume: true}, contract.CodeInvalid, "conn_id")
	back := h.mustAttach(contract.AttachRequest{ConnID: "c1", Gateway: "g1", Session: "s3", Resume: true})
	if !back.Left || back.Offset != 0 || !slices.Equal(back.Channels, []string{"one"}) {
		t.Errorf("it was opened with %+v", back)
	}
	must[contract.DetachAnswer](h, contract.VerbDetach, contract.DetachRequest{
		Gateway: "g1", Sessions: map[string]string{"c1": "s1"}, Left: []string{"c1"},
	})
	if again := h.mustAttach(contract.AttachRequest{ConnID: "c1", Gateway: "g1", Session: "s4"}); again.Left {
		t.Errorf("an older session left for a newer one: %+v", again)
	}
	e.want("alice joined one")
}

func TestAttachByUserMakesBothKnown(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	q := contract.AttachRequest{User: "alice", NewConnID: "c1", Gateway: "g1", Session: "s1", Transport: "polling"}
	a := h.mustAttach(q)
	if a.ConnID != "c1" || a.User != "alice" || a.Channels == nil || len(a.Channels) != 0 {
		t.Fatalf("answer %+v", a)
	}
	if again := h.mustAttach(q); !reflect.DeepEqual(again, a) {
		t.Fatalf("again %+v, want %+v", again, a)
	}
	if info := h.info(); info.RememberedUsers != 1 || info.TotalConnections != 1 {
		t.Fatalf("info %+v", info)
	}
	q.User = "bob"
	h.attachRefused(q, contract.CodeConflict, "")
}

func TestClientsComeInTogetherAndEachForItself(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "two")
	list := contract.AttachList{}
	for i, connID := range []string{"c1", "nobody", "c2", "c1"} {
		list.Clients = append(list.Clients, contract.AttachRequest{
			ConnID: connID, Gateway: "g1", Session: "s" + strconv.Itoa(i), Transport: "websocket",
		})
	}
	answers := must[contract.AttachAnswers](h, contract.VerbAttach, list).Clients
	if len(answers) != len(list.Clients) {
		t.Fatalf("%d answers", len(answers))
	}
	for i, user := range []string{"alice", "", "bob", "alice"} {
		if a := answers[i]; a.User != user || (a.Fault == nil) != (user != "") {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	for _, n := range []int{0, contract.MaxAttach + 1} {
		refused[contract.AttachAnswers](h, contract.VerbAttach, contract.AttachList{Clients: make([]contract.AttachRequest, n)}, contract.CodeInvalid, "clients")
	}
}

// A client whose attempt to connect fails comes back by itself, perhaps at another gateway, where it may be let in before what is left
// of that attempt.
func TestASocketThatWasHeldUpTakesNothingFromANewerOne(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	h.gateway("g1", true)
	h.gateway("g2", true)
	asks := func(connID, session string, waited time.Duration) contract.AttachRequest {
		return contract.AttachRequest{
			ConnID: connID, Gateway: "g2", Session: session, Transport: "websocket", Waited: waited.Milliseconds(),
		}
	}
	holds := func(connID, session string) {
		t.Helper()
		eventually(t, session+" holds the connection", func() bool { return r.ledger.Connections.Cached(connID).Session == session })
	}
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "came back")
	h.attachRefused(asks("c1", "held up", 10*time.Second), contract.CodeUnavailable, "")
	holds("c1", "came back")
	h.mustAttach(asks("c1", "newest", 0))
	holds("c1", "newest")

	h.connect("c2", "bob", "one")
	h.mustAttach(asks("c2", "second", 20*time.Second))
	h.attachRefused(asks("c2", "first", 30*time.Second), contract.CodeUnavailable, "")
	holds("c2", "second")
	h.mustAttach(asks("c2", "third", 10*time.Second))
	holds("c2", "third")
	h.detach("c2", "g2", "third", 0)
	h.mustAttach(asks("c2", "first", 30*time.Second))
	holds("c2", "first")

	// The upgrade of a session may bring it to another gateway: it is as old as before.
	moves := asks("c2", "first, elsewhere", 0)
	moves.Moved = "first"
	h.mustAttach(moves)
	h.attachRefused(asks("c2", "zeroth", 40*time.Second), contract.CodeUnavailable, "")
	h.mustAttach(asks("c2", "second", 20*time.Second))
	holds("c2", "second")
}

// A client that moves from one gateway to another is attached again, and so may a newer socket of its connection be meanwhile.
func TestAClientThatMovesTakesNothingFromANewerSocket(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.gateway("g1", true)
	h.gateway("g2", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	moved := contract.AttachRequest{ConnID: "c1", Gateway: "g2", Session: "s2", Transport: "websocket", Resume: true, Moved: "s1"}
	h.mustAttach(moved)
	h.mustAttach(moved) // asked again
	h.attach("c1", "g1", "s3")
	h.attachRefused(contract.AttachRequest{ConnID: "c1", Gateway: "g1", Session: "s4", Transport: "websocket", Resume: true, Moved: "s2"}, contract.CodeConflict, "")
	h.detach("c1", "g1", "s3", 0)
	h.mustAttach(contract.AttachRequest{ConnID: "c1", Gateway: "g1", Session: "s4", Transport: "websocket", Resume: true, Moved: "s2"})
}

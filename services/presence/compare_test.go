package presence

import (
	"maps"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// held is what a gateway says of one session.
func held(session string, revision uint64) contract.HeldSession {
	return contract.HeldSession{Session: session, Revision: revision, Transport: "ws"}
}

// agrees says that nothing is otherwise.
func agrees(a contract.CompareAnswer) bool { return len(a.Memberships)+len(a.Close)+len(a.Lost) == 0 }

func (h *system) compare(sessions map[string]contract.HeldSession) contract.CompareAnswer {
	h.t.Helper()
	return must[contract.CompareAnswer](h, contract.VerbCompare, contract.CompareRequest{Gateway: "g1", Sessions: sessions})
}

// Nobody answers for the gateway, so the order is lost; the record has the channel.
func TestAnOrderThatWasLostIsFoundWhenTheGatewayCompares(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	h.connect("c1", "alice", "one")
	before := h.attach("c1", "g1", "s1")
	if a := h.compare(map[string]contract.HeldSession{"c1": held("s1", before.Revision)}); !agrees(a) {
		t.Fatalf("nothing has changed, and yet %+v", a)
	}
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{ConnID: "c1", Channels: []string{"two"}})
	a := h.compare(map[string]contract.HeldSession{"c1": held("s1", before.Revision)})
	if m := a.Memberships["c1"]; !slices.Equal(m.Channels, []string{"one", "two"}) || m.Revision <= before.Revision {
		t.Fatalf("answer %+v", a)
	}
	if a := h.compare(map[string]contract.HeldSession{"c1": held("s1", a.Memberships["c1"].Revision)}); !agrees(a) {
		t.Fatalf("it differs still: %+v", a)
	}
}

// A replica that was paused hears late what was asked of it. The session may have ended since.
func TestAComparisonThatIsHeardLateChangesNothing(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	before := h.attach("c1", "g1", "s1")
	h.detach("c1", "g1", "s1", 0)
	for range 2 {
		a := h.compare(map[string]contract.HeldSession{"c1": held("s1", before.Revision)})
		if !slices.Equal(a.Lost, []string{"c1"}) || len(a.Memberships)+len(a.Close) != 0 {
			t.Fatalf("answer %+v", a)
		}
	}
	if at := h.at("g1"); len(at) != 0 {
		t.Errorf("presence has %v", at)
	}
}

func TestASessionThatWasTakenForGoneGetsItsConnectionBack(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	before := h.attach("c1", "g1", "s1")
	h.detach("c1", "g1", "s1", 0)
	a := must[contract.CompareAnswer](h, contract.VerbCompare, contract.CompareRequest{
		Gateway: "g1", Reattach: true, Sessions: map[string]contract.HeldSession{"c1": held("s1", before.Revision)},
	})
	if m := a.Memberships["c1"]; m.Revision <= before.Revision || len(a.Close)+len(a.Lost) != 0 {
		t.Fatalf("answer %+v", a)
	}
	if at := h.at("g1"); !maps.Equal(at, map[string]string{"c1": "s1"}) {
		t.Errorf("presence has %v", at)
	}
}

func TestASessionWhoseConnectionHasANewerSocketOrWasForgottenIsToBeClosed(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.attach("c1", "g2", "s2")
	a := h.compare(map[string]contract.HeldSession{"c1": held("s1", 1), "never": held("s9", 1)})
	want := map[string]contract.Reason{"c1": contract.ReasonReplaced, "never": contract.ReasonDraining}
	if !maps.Equal(a.Close, want) || len(a.Memberships)+len(a.Lost) != 0 {
		t.Fatalf("answer %+v", a)
	}
}

// at is what presence has at a gateway.
func (h *system) at(gateway string) map[string]string {
	h.t.Helper()
	return must[contract.CompareAnswer](h, contract.VerbCompare, contract.CompareRequest{Gateway: gateway, List: true}).Held
}

func TestPresenceSaysWhatItHasAtAGatewayAndAtNoOther(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	for _, id := range []string{"c1", "c2"} {
		h.connect(id, "alice", "one")
		h.attach(id, "g1", "s-"+id)
	}
	h.connect("c3", "bob", "one")
	h.attach("c3", "g2", "s3")
	if at := h.at("g1"); !maps.Equal(at, map[string]string{"c1": "s-c1", "c2": "s-c2"}) {
		t.Errorf("presence has %v", at)
	}
}

func TestAComparisonOfTooManySessionsIsRefused(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	many := map[string]contract.HeldSession{}
	for i := range contract.MaxCompare + 1 {
		many[string(rune('a'+i%26))+string(rune('A'+i/26))] = held("s", 1)
	}
	refused[contract.CompareAnswer](h, contract.VerbCompare, contract.CompareRequest{Gateway: "g1", Sessions: many}, contract.CodeInvalid, "sessions")
}

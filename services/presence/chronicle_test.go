package presence

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func (h *system) chronicle(q contract.ChronicleRequest) contract.ChronicleAnswer {
	h.t.Helper()
	return must[contract.ChronicleAnswer](h, contract.VerbChronicle, q)
}

// words are by whose word a connection changed, and whether it was in the channel then; "!" for a connection that is gone.
func words(life contract.ConnectionLife) (all []string) {
	for _, c := range life.Changes {
		word := string(c.By)
		switch {
		case c.After == nil:
			word += "!"
		case c.After.In:
			word += "+"
		}
		all = append(all, word)
	}
	return all
}

func wantWords(t *testing.T, life contract.ConnectionLife, want ...string) {
	t.Helper()
	got := words(life)
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && got[i] == want[i]
	}
	if !same {
		t.Errorf("%s: %q, want %q", life.ConnID, got, want)
	}
	for i := 1; i < len(life.Changes); i++ {
		if a, b := life.Changes[i-1], life.Changes[i]; a.At.After(b.At) || a.Revision > b.Revision {
			t.Errorf("%s: %v of revision %d comes before %v of %d", life.ConnID, a.At, a.Revision, b.At, b.Revision)
		}
	}
}

func TestPresenceTellsByWhoseWordAConnectionChanged(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "other")
	h.attach("c1", "g1", "s1")
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{ConnID: "c1", Channels: []string{"news"}})
	held := contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"news"}}
	must[contract.ChannelsAnswer](h, contract.VerbLeave, held)
	must[contract.ChannelsAnswer](h, contract.VerbJoin, held)
	must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"news"}})
	h.connect("c1", "alice", "news")
	h.detach("c1", "g1", "s1", 17)
	must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c1"})
	h.connect("c2", "alice", "news")

	answer := h.chronicle(contract.ChronicleRequest{User: "alice", Channel: "news"})
	if len(answer.Connections) != 2 || answer.From.IsZero() {
		t.Fatalf("%+v", answer)
	}
	life := answer.Connections[0]
	wantWords(t, life, "connect", "opened", "subscribe+", "leave", "join+", "unsubscribe", "connect+", "ended+", "disconnect!")
	if away := life.Changes[7].After; away.State != contract.Lingering || away.Offset != 17 || !away.Exact {
		t.Errorf("it was away as %+v", away)
	}
	if open := life.Changes[1].After; open.Gateway != "g1" || open.Session != "s1" || open.Transport != "websocket" {
		t.Errorf("it was open as %+v", open)
	}
	if life.Before != nil || life.Now() != nil || life.User != "alice" {
		t.Errorf("it was %+v and is %+v, of %q", life.Before, life.Now(), life.User)
	}
	wantWords(t, answer.Connections[1], "connect+")
	one := h.chronicle(contract.ChronicleRequest{ConnID: "c1"})
	wantWords(t, one.Connections[0], "connect", "opened", "subscribe", "leave", "join", "unsubscribe", "connect", "ended", "disconnect!")
	if none := h.chronicle(contract.ChronicleRequest{ConnID: "c3"}); len(none.Connections) != 0 {
		t.Errorf("of nobody it says %+v", none)
	}
	for _, q := range []contract.ChronicleRequest{{}, {ConnID: "c1", User: "alice"}} {
		refused[contract.ChronicleAnswer](h, contract.VerbChronicle, q, contract.CodeInvalid, "conn_id")
	}
}

func TestPresenceTellsWhyAConnectionWasForgotten(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := resumable(500 * time.Millisecond)
	c.ConnectTimeout = 200 * time.Millisecond
	h.start(c)
	h.connect("never", "alice", "news")
	h.connect("away", "alice", "news")
	h.attach("away", "g1", "s1")
	h.detach("away", "g1", "s1", 17)
	h.connect("left", "alice", "news")
	h.attach("left", "g1", "s2")
	must[contract.DetachAnswer](h, contract.VerbDetach, contract.DetachRequest{
		Gateway: "g1", Sessions: map[string]string{"left": "s2"}, Left: []string{"left"},
	})
	lives := map[string]contract.ConnectionLife{}
	eventually(t, "all are forgotten", func() bool {
		forgotten := 0
		for _, life := range h.chronicle(contract.ChronicleRequest{User: "alice", Channel: "news"}).Connections {
			lives[life.ConnID] = life
			if life.Now() == nil {
				forgotten++
			}
		}
		return forgotten == 3
	})
	wantWords(t, lives["never"], "connect+", "expired!")
	wantWords(t, lives["away"], "connect+", "opened+", "ended+", "expired+", "expired!")
	wantWords(t, lives["left"], "connect+", "opened+", "left+", "expired!")
}

// What others write is dated like what a replica writes itself, and what was there when it began is no change.
func TestEveryReplicaTellsTheSame(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	first := h.start(patient())
	h.connect("c1", "alice", "news")
	second := h.start(patient())
	h.attach("c1", "g1", "s1")
	last := h.connect("c2", "alice").Seen.Revision
	lives := map[*replica][]contract.ConnectionLife{}
	for _, r := range []*replica{first, second} {
		answer, err := r.tellChronicle(t.Context(), contract.ChronicleRequest{Seen: contract.Seen{Revision: last}, User: "alice", Channel: "news"})
		if err != nil || len(answer.Connections) != 2 {
			t.Fatalf("%+v, %v", answer, err)
		}
		lives[r] = answer.Connections
	}
	wantWords(t, lives[first][0], "connect+", "opened+")
	wantWords(t, lives[second][0], "opened+")
	if before := lives[second][0].Before; before == nil || before.State != contract.Pending || !before.In {
		t.Errorf("when the second began, it was %+v", before)
	}
	for i := range lives[second] {
		one, other := lives[first][i].Changes, lives[second][i].Changes
		if a, b := one[len(one)-1], other[len(other)-1]; !a.At.Equal(b.At) || a.Revision != b.Revision {
			t.Errorf("one tells %+v, the other %+v", a, b)
		}
	}
}

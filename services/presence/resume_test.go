package presence

import (
	"slices"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// resumable forgets a dropped connection soon, but keeps it for a client that resumes.
func resumable(window time.Duration) Config {
	c := hasty()
	c.ConnectTimeout, c.ResumeWindow = time.Minute, window
	return c
}

func resume(connID, user string) contract.AttachRequest {
	return contract.AttachRequest{ConnID: connID, User: user, Gateway: "g2", Session: "s2", Resume: true}
}

func TestAConnectionKnowsWhereItsMessagesBegin(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	log := h.log()
	begin := h.post(log, "one")
	h.connect("c1", "alice", "one")
	h.post(log, "one")
	h.connect("c1", "alice", "one")
	h.connect("c1", "alice", "two")
	offset := func(want uint64, after string) {
		t.Helper()
		if got := r.ledger.Connections.Cached("c1").Offset; got != want {
			t.Fatalf("the offset is %d after %s, want %d", got, after, want)
		}
	}
	offset(begin, "another connect")
	attach := func(gateway, session string, want uint64, exact bool) {
		t.Helper()
		if answer := h.attach("c1", gateway, session); answer.Offset != want || answer.Exact != exact {
			t.Fatalf("%s begins at %d, exactly: %t, want %d, %t", session, answer.Offset, answer.Exact, want, exact)
		}
	}
	attach("dead", "s1", begin, false)
	attach("g1", "s2", begin, false) // nobody knows what the client got from a gateway that does not answer
	g1 := h.gateway("g1", true)
	attach("g1", "s3", begin, false) // the gateway does not know either
	g1.reaches(12)
	attach("g1", "s4", 12, true) // takes over from a socket that is there
	h.detach("c1", "g1", "s4", 17)
	offset(17, "detach")
	h.connect("c1", "alice", "one")
	offset(17, "a connect while it lingers")
	attach("g1", "s5", 17, true)
	h.detach("c1", "g1", "s5", 0)
	offset(17, "a detach of a session that got nothing")
	attach("g1", "s6", 17, true)
	g1.reaches(0)
	attach("dead", "s7", 17, true) // a session that got nothing
	attach("g1", "s8", 17, false)
}

func TestAnEmptyLogIsMarkedSoThatTheFirstMessageIsNotMissed(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	h.connect("early", "alice") // nobody has made the log
	log := h.log()
	h.connect("c1", "alice")
	first := h.post(log, "one")
	if got := r.ledger.Connections.Cached("c1").Offset; got == 0 || got >= first {
		t.Fatalf("the offset is %d, and the first message at %d", got, first)
	}
	if got := r.ledger.Connections.Cached("early").Offset; got != 0 {
		t.Fatalf("an offset %d of no log", got)
	}
}

func TestADeadGatewaysConnectionsGoOnWhereTheyLastBegan(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := hasty()
	c.Linger = time.Minute
	r := h.start(c)
	begin := h.post(h.log(), "one")
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s0")
	h.detach("c1", "g1", "s0", begin)
	h.attach("c1", "dead", "s1")
	eventually(t, "it lingers", func() bool { return r.state("c1") == contract.Lingering })
	if answer := h.attach("c1", "g2", "s2"); answer.Offset != begin || answer.Exact {
		t.Fatalf("attach: %+v", answer)
	}
}

func TestADormantConnectionIsResumed(t *testing.T) {
	t.Parallel()
	for how, offset := range map[string]bool{"by a client with an offset": true, "by a client without": false} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			isResumed(t, offset)
		})
	}
}

func isResumed(t *testing.T, offset bool) {
	t.Helper()
	h := newSystem(t)
	a, b := h.start(resumable(time.Minute)), h.start(resumable(time.Minute))
	h.connect("c1", "alice", "one", "two")
	h.renew("g1")
	h.attach("c1", "g1", "s1")
	h.detach("c1", "g1", "s1", 7)
	for _, r := range []*replica{a, b} {
		eventually(t, "it is dormant", func() bool { return r.state("c1") == contract.Dormant })
	}
	eventually(t, "it counts nowhere, whichever replica is asked, and its user is remembered", func() bool {
		info := h.info()
		return len(info.Channels) == 0 && info.TotalConnections == 0 && info.UniqueUsers == 0 && info.RememberedUsers == 1
	})
	if got := gauge(t, a.registry, "channelstream_presence_dormant"); got != 1 {
		t.Fatalf("the metric says %v", got)
	}
	h.attachRefused(resume("c1", "mallory"), contract.CodeInvalid, "conn_id")
	back := resume("c1", "alice")
	back.Resume = offset
	answer := h.mustAttach(back)
	if answer.User != "alice" || answer.Offset != 7 || !answer.Exact || !slices.Equal(answer.Channels, []string{"one", "two"}) {
		t.Fatalf("attach: %+v", answer)
	}
	info := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Seen: contract.Seen{Revision: answer.Revision}})
	if info.Channels["one"].TotalUsers != 1 || info.TotalConnections != 1 {
		t.Fatalf("a resumed connection does not count: %+v", info)
	}
}

func TestAUserResumesOnlyItsOwnConnection(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.attachRefused(resume("c1", "mallory"), contract.CodeInvalid, "conn_id")
	if answer := h.mustAttach(resume("c1", "alice")); answer.Offset != 0 {
		t.Fatalf("attach: %+v", answer)
	}
}

func TestADormantConnectionEndsWithTheWindow(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(resumable(2 * time.Second))
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.detach("c1", "g1", "s1", 7)
	eventually(t, "it is dormant", func() bool { return r.state("c1") == contract.Dormant })
	eventually(t, "it is gone", func() bool { return r.state("c1") == "" })
	h.attachRefused(resume("c1", ""), contract.CodeInvalid, "conn_id")
}

func TestADormantConnectionIsUnknownToApps(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(resumable(time.Minute))
	drop := func(connID string) {
		t.Helper()
		h.connect(connID, "alice", "one", "two")
		h.attach(connID, "g1", "s1")
		h.detach(connID, "g1", "s1", 7)
		eventually(t, "it is dormant", func() bool { return r.state(connID) == contract.Dormant })
	}
	drop("c1")
	held := contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"one"}}
	refused[contract.ChannelsAnswer](h, contract.VerbJoin, held, contract.CodeInvalid, "conn_id")
	refused[contract.ChannelsAnswer](h, contract.VerbLeave, held, contract.CodeInvalid, "conn_id")
	refused[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{ConnID: "c1", Channels: []string{"three"}}, contract.CodeInvalid, "conn_id")
	if fresh := h.connect("c1", "bob", "four"); !slices.Equal(fresh.Channels, []string{"four"}) || fresh.User != "bob" {
		t.Fatalf("a fresh registration: %+v", fresh)
	}

	// What the app takes away must not come back with a client that resumes.
	drop("c2")
	if answer := must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c2"}); answer.Known {
		t.Fatalf("disconnect: %+v", answer)
	}
	drop("c3")
	refused[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe,
		contract.UnsubscribeRequest{ConnID: "c3", Channels: []string{"one"}}, contract.CodeInvalid, "conn_id")
	for _, connID := range []string{"c2", "c3"} {
		h.attachRefused(resume(connID, "alice"), contract.CodeInvalid, "conn_id")
	}
}

func TestAUserIsForgottenThoughAConnectionIsDormant(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := resumable(time.Minute)
	c.UserRetention = time.Second
	r := h.start(c)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.detach("c1", "g1", "s1", 7)
	eventually(t, "the user is forgotten", func() bool { return r.ledger.Users.Cached("alice") == nil })
	if got := r.state("c1"); got != contract.Dormant {
		t.Fatalf("the connection is %q", got)
	}
	h.mustAttach(resume("c1", ""))
	if info := h.info(); info.RememberedUsers != 1 {
		t.Fatalf("the user of a resumed connection is not known: %+v", info)
	}
}

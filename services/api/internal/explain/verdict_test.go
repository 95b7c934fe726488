package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// second is a moment of the stories. The message is stored at second 10, at offset 100.
func second(n int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC)
}

const place = 100

// standing is one in the channel.
func standing(state contract.ConnectionState) *contract.Standing {
	return &contract.Standing{State: state, In: true}
}

func out(s *contract.Standing) *contract.Standing {
	s.In = false
	return s
}

// open is a connection with a socket, whose session has a name.
func open(session string) *contract.Standing {
	s := standing(contract.Attached)
	s.Gateway, s.Session, s.Transport = "g1", session, "ws"
	return s
}

// gone is a connection whose socket ended when its client had everything up to an offset.
func gone(state contract.ConnectionState, offset uint64) *contract.Standing {
	s := standing(state)
	s.Offset, s.Exact = offset, offset > 0
	return s
}

func pending(offset uint64) *contract.Standing {
	s := standing(contract.Pending)
	s.Offset = offset
	return s
}

func left(state contract.ConnectionState) *contract.Standing {
	s := standing(state)
	s.Left = true
	return s
}

func change(n int, by contract.Cause, after *contract.Standing) contract.StandingChange {
	return contract.StandingChange{At: second(n), Revision: uint64(n), By: by, After: after} //nolint:gosec // of a story
}

func life(before *contract.Standing, changes ...contract.StandingChange) *contract.ConnectionLife {
	return &contract.ConnectionLife{ConnID: "c1", User: "alice", Before: before, Changes: changes}
}

func logged() *message {
	return &message{kind: contract.TypeMessage, uuid: "u1", offset: place, at: second(10), channel: "news"}
}

func kept() *message {
	m := logged()
	m.offset = 0
	return m
}

func with(m *message, do func(*message)) *message {
	do(m)
	return m
}

type accounts = map[string]contract.SessionAccount

func closed(reason contract.Reason) *contract.EndedSpan { return &contract.EndedSpan{Reason: reason} }

var stories = []struct {
	name     string
	message  *message
	found    found
	question Question
	life     *contract.ConnectionLife
	sessions accounts
	from     time.Time
	unlogged bool
	verdict  Verdict
	reason   Reason
}{
	// delivered
	{name: "an open socket has acknowledged it", message: logged(), life: life(open("s1")),
		sessions: accounts{"s1": {Handed: 120, Acknowledged: 110}}, verdict: Delivered, reason: Acknowledged},
	{name: "the socket ended behind it", message: logged(), life: life(open("s1"), change(11, contract.CauseEnded, gone(contract.Lingering, 100))),
		verdict: Delivered, reason: Acknowledged},
	{name: "the connection was forgotten, but its gateway remembers the session", message: logged(),
		life:     life(open("s1"), change(11, contract.CauseDisconnect, nil)),
		sessions: accounts{"s1": {Acknowledged: 100, Ended: closed(contract.ReasonDisconnected)}}, verdict: Delivered, reason: Acknowledged},
	{name: "it came while the client was away, and the next socket has it", message: logged(),
		life:     life(gone(contract.Lingering, 90), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 90, Handed: 101, Acknowledged: 101}}, verdict: Delivered, reason: Acknowledged},
	{name: "the client gave back an offset behind it", message: logged(),
		life:     life(open("s1"), change(11, contract.CauseOrphaned, gone(contract.Lingering, 0)), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 105, Resumed: true}}, verdict: Delivered, reason: HandedBack},
	{name: "it joined later, and its client came back from before", message: logged(),
		life: life(out(gone(contract.Lingering, 90)), change(12, contract.CauseSubscribe, gone(contract.Lingering, 90)),
			change(13, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 90, Acknowledged: 101}}, verdict: Delivered, reason: Acknowledged},
	{name: "a private message", message: with(logged(), func(m *message) { m.channel, m.of = "", "alice" }), life: life(out(open("s1"))),
		sessions: accounts{"s1": {Acknowledged: 110}}, verdict: Delivered, reason: Acknowledged},
	{name: "the log no longer has it, and nothing waits for a socket that was there", message: kept(), life: life(open("s1")),
		sessions: accounts{"s1": {Handed: 500, Acknowledged: 500}}, verdict: Delivered, reason: Acknowledged},

	// on its way
	{name: "the client does not read", message: logged(), life: life(open("s1")),
		sessions: accounts{"s1": {Handed: 120, Acknowledged: 99, Backlog: 7}}, verdict: OnItsWay, reason: Unacknowledged},
	{name: "no poll has taken it", message: logged(), life: life(open("s1")),
		sessions: accounts{"s1": {Handed: 100, Acknowledged: 99}}, verdict: OnItsWay, reason: Unacknowledged},
	{name: "the client catches up", message: logged(), life: life(gone(contract.Dormant, 50), change(11, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 50, Handed: 70, CatchingUp: true}}, verdict: OnItsWay, reason: Waiting},
	{name: "the socket has not begun", message: logged(), life: life(gone(contract.Dormant, 50), change(11, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 50, Coming: true}}, verdict: OnItsWay, reason: Waiting},
	{name: "nobody has opened the socket yet", message: logged(), life: life(pending(99)), verdict: OnItsWay, reason: NotOpened},
	{name: "the client is away", message: logged(), life: life(open("s1"), change(9, contract.CauseEnded, gone(contract.Lingering, 90))),
		verdict: OnItsWay, reason: IsAway},
	{name: "the client is away for long", message: logged(),
		life:    life(open("s1"), change(9, contract.CauseEnded, gone(contract.Lingering, 90)), change(15, contract.CauseExpired, gone(contract.Dormant, 90))),
		verdict: OnItsWay, reason: IsAway},
	{name: "it was under way when the socket ended", message: logged(),
		life:     life(open("s1"), change(11, contract.CauseEnded, gone(contract.Lingering, 99))),
		sessions: accounts{"s1": {Acknowledged: 99, Ended: closed(contract.ReasonSlowConsumer)}}, verdict: OnItsWay, reason: IsAway},

	// not for it
	{name: "in another channel", message: logged(), life: life(out(open("s1"))),
		sessions: accounts{"s1": {Acknowledged: 110}}, verdict: NotForIt, reason: NotInChannel},
	{name: "excluded", message: with(logged(), func(m *message) { m.except = []string{"bob", "alice"} }), life: life(open("s1")),
		sessions: accounts{"s1": {Acknowledged: 110}}, verdict: NotForIt, reason: Excluded},
	{name: "not among those it is for", message: with(logged(), func(m *message) { m.only = []string{"bob"} }), life: life(open("s1")),
		verdict: NotForIt, reason: NotAmongPMUsers},
	{name: "another's private message", message: with(logged(), func(m *message) { m.channel, m.of = "", "bob" }), life: life(open("s1")),
		verdict: NotForIt, reason: OtherUsers},
	{name: "joined later", message: logged(), life: life(out(open("s1")), change(11, contract.CauseJoin, open("s1"))),
		sessions: accounts{"s1": {Acknowledged: 110}}, verdict: NotForIt, reason: JoinedLater},
	{name: "left before", message: logged(), life: life(open("s1"), change(9, contract.CauseUnsubscribe, out(open("s1")))),
		sessions: accounts{"s1": {Acknowledged: 110}}, verdict: NotForIt, reason: LeftBefore},
	{name: "connected later", message: logged(), life: life(nil, change(11, contract.CauseConnect, pending(101))),
		verdict: NotForIt, reason: ConnectedLater},
	{name: "connected later, and came behind it", message: logged(),
		life:     life(nil, change(11, contract.CauseConnect, pending(101)), change(12, contract.CauseOpened, open("s1"))),
		sessions: accounts{"s1": {Since: 101, Acknowledged: 110}}, verdict: NotForIt, reason: ConnectedLater},
	{name: "disconnected before", message: logged(), life: life(open("s1"), change(9, contract.CauseDisconnect, nil)),
		verdict: NotForIt, reason: GoneBefore},
	{name: "its client left before", message: logged(), life: life(open("s1"), change(9, contract.CauseLeft, left(contract.Dormant))),
		verdict: NotForIt, reason: ClientLeft},
	{name: "the user was not there", message: logged(), question: Question{User: "alice"}, verdict: NotForIt, reason: NotConnected},
	{name: "unlogged, and in another channel", message: kept(), unlogged: true, life: life(out(open("s1"))), verdict: NotForIt, reason: NotInChannel},

	// missed
	{name: "away for too long", message: logged(),
		life: life(open("s1"), change(9, contract.CauseEnded, gone(contract.Lingering, 90)), change(15, contract.CauseExpired, gone(contract.Dormant, 90)),
			change(20, contract.CauseExpired, nil)),
		verdict: Missed, reason: AwayTooLong},
	{name: "never opened", message: logged(), life: life(pending(99), change(20, contract.CauseExpired, nil)), verdict: Missed, reason: NeverOpened},
	{name: "closed as a slow consumer", message: logged(),
		life:     life(open("s1"), change(11, contract.CauseEnded, gone(contract.Lingering, 90)), change(20, contract.CauseExpired, nil)),
		sessions: accounts{"s1": {Acknowledged: 90, Ended: closed(contract.ReasonSlowConsumer)}}, verdict: Missed, reason: SlowConsumer},
	{name: "disconnected before its client had it", message: logged(), life: life(open("s1"), change(11, contract.CauseDisconnect, nil)),
		sessions: accounts{"s1": {Acknowledged: 99, Ended: closed(contract.ReasonDisconnected)}}, verdict: Missed, reason: Disconnected},
	{name: "its client left before it had it", message: logged(), life: life(open("s1"), change(11, contract.CauseLeft, left(contract.Dormant))),
		verdict: Missed, reason: ClientLeft},
	{name: "taken out of the channel while away", message: logged(),
		life:    life(gone(contract.Lingering, 90), change(11, contract.CauseUnsubscribe, out(gone(contract.Lingering, 90)))),
		verdict: Missed, reason: TakenOut},
	{name: "told that it missed something, up to an offset", message: logged(),
		life:     life(gone(contract.Dormant, 50), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 50, Missed: []contract.MissedSpan{{Since: 50, Offset: 150}, {Since: 160}}, Acknowledged: 150}}, verdict: Missed, reason: ToldMissed},
	{name: "told that it missed something, in the midst", message: logged(),
		life:     life(gone(contract.Dormant, 50), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 50, Missed: []contract.MissedSpan{{Since: 60, At: second(13)}}, Acknowledged: 150}}, verdict: Missed, reason: ToldMissed},
	{name: "unlogged while away", message: kept(), unlogged: true, life: life(gone(contract.Lingering, 90)), verdict: Missed, reason: NotLogged},
	{name: "the log was trimmed before its client came back", message: kept(),
		life:     life(gone(contract.Lingering, 90), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Missed: []contract.MissedSpan{{Since: 90, Offset: 200}}}}, verdict: Missed, reason: ToldMissed},
	{name: "the log was trimmed, and its client did not come back", message: kept(), life: life(gone(contract.Lingering, 90)),
		verdict: Missed, reason: LogNoLonger},
	{name: "began anew behind it", message: logged(),
		life:     life(open("s1"), change(11, contract.CauseOrphaned, gone(contract.Lingering, 0)), change(12, contract.CauseOpened, open("s2"))),
		sessions: accounts{"s2": {Since: 140, Acknowledged: 150}}, verdict: Missed, reason: BeganLater},

	// unknown
	{name: "no such message", question: Question{UUID: "u1", Channel: "news"}, life: life(open("s1")), verdict: Unknown, reason: NoSuchMessage},
	{name: "no such message anywhere", question: Question{UUID: "u1"}, life: life(open("s1")), verdict: Unknown, reason: NoSuchMessage},
	{name: "not all looked through", question: Question{UUID: "u1"}, found: found{searched: 70}, verdict: Unknown, reason: NotLookedThrough},
	{name: "erased", question: Question{UUID: "u1", Channel: "news"}, found: found{erased: second(11)}, verdict: Unknown, reason: Erased},
	{name: "an offset that the log has no more", question: Question{Offset: 10}, found: found{log: bus.LogState{First: 50, Last: 200}},
		verdict: Unknown, reason: LogNoLonger},
	{name: "an offset to come", question: Question{Offset: 300}, found: found{log: bus.LogState{First: 50, Last: 200}}, verdict: Unknown, reason: NoSuchMessage},
	{name: "an offset of none", question: Question{Offset: 60}, found: found{log: bus.LogState{First: 50, Last: 200}}, verdict: Unknown, reason: NoSuchMessage},
	{name: "unlogged and in no history", question: Question{UUID: "u1", Channel: "news"}, unlogged: true, verdict: Unknown, reason: NotLogged},
	{name: "no such connection", message: logged(), question: Question{ConnID: "c1"}, verdict: Unknown, reason: NoConnection},
	{name: "presence began later", message: logged(), life: life(open("s1")), from: second(11), verdict: Unknown, reason: ChronicleLater},
	{name: "presence began later, and the user is not there", message: logged(), question: Question{User: "alice"}, from: second(11),
		verdict: Unknown, reason: ChronicleLater},
	{name: "the gateway does not answer", message: logged(), life: life(open("s1")), verdict: Unknown, reason: GatewaySilent},
	{name: "unlogged, and there", message: kept(), unlogged: true, life: life(open("s1")), verdict: Unknown, reason: NotNoted},
	{name: "the log no longer has it, and something waits", message: kept(), life: life(open("s1")),
		sessions: accounts{"s1": {Handed: 500, Acknowledged: 400}}, verdict: Unknown, reason: LogNoLonger},
	{name: "came back without an offset, and much came since", life: life(pending(90), change(12, contract.CauseOpened, open("s1"))),
		message: with(logged(), func(m *message) {
			for range mostFollowers {
				m.followers = append(m.followers, second(11))
			}
		}),
		sessions: accounts{"s1": {Since: 90, Acknowledged: 300}}, verdict: Unknown, reason: NotNoted},
	{name: "where its client went on is not known", message: logged(), life: life(pending(0), change(12, contract.CauseOpened, open("s1"))),
		sessions: accounts{"s1": {Acknowledged: 300}}, verdict: Unknown, reason: NotNoted},
}

func TestAVerdictFollowsFromTheFacts(t *testing.T) {
	t.Parallel()
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			f := story.found
			if story.message != nil {
				f.messages, f.channel = []message{*story.message}, story.message.channel
			}
			v := &evidence{
				question: story.question, found: &f, message: story.message, unlogged: story.unlogged, from: second(1),
				sessions: story.sessions, silent: map[string]bool{}, window: 2 * time.Minute,
			}
			if !story.from.IsZero() {
				v.from = story.from
			}
			if story.life != nil {
				v.follow(story.life)
			}
			got := v.judge()
			if got.Verdict != story.verdict || got.Reason != story.reason {
				t.Errorf("it is %s, %s (%s); want %s, %s", got.Verdict, got.Reason, got.Because, story.verdict, story.reason)
			}
			facts := v.messageFacts()
			if v.life != nil {
				facts = append(facts, v.facts()...)
			}
			for _, text := range append([]Fact{{Key: "because", Fact: got.Because}}, facts...) {
				if text.Key == "" || !strings.HasSuffix(text.Fact, ".") || strings.Contains(text.Fact, "%!") {
					t.Errorf("%s says %q", text.Key, text.Fact)
				}
			}
		})
	}
}

func TestAUserIsToldTheBestOfItsConnections(t *testing.T) {
	t.Parallel()
	of := func(verdicts ...Verdict) (all []Connection) {
		for _, v := range verdicts {
			all = append(all, Connection{Judgement: Judgement{Verdict: v, Because: "Since it is so."}})
		}
		return all
	}
	for _, test := range []struct {
		connections []Connection
		verdict     Verdict
		because     string
	}{
		{of(Missed), Missed, "Since it is so."},
		{of(NotForIt, Missed, Delivered, OnItsWay), Delivered, "So it is with 1 of the user's 4 connections: Since it is so."},
		{of(Missed, OnItsWay, OnItsWay), OnItsWay, "So it is with 2 of the user's 3 connections: Since it is so."},
		{of(NotForIt, Unknown, Missed), Missed, "So it is with 1 of the user's 3 connections: Since it is so."},
		{of(NotForIt, Unknown), Unknown, "So it is with 1 of the user's 2 connections: Since it is so."},
	} {
		if got := together(test.connections); got.Verdict != test.verdict || got.Because != test.because {
			t.Errorf("%v are %+v", test.connections, got)
		}
	}
}

package explain

import (
	"cmp"
	"fmt"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// Verdict says what became of a message for a client. The set is closed.
type Verdict string

// The verdicts.
const (
	Delivered Verdict = "delivered"  // the client's host has it
	OnItsWay  Verdict = "on_its_way" // the client gets it, if nothing goes wrong
	NotForIt  Verdict = "not_for_it" // it was for others
	Missed    Verdict = "missed"     // it was for the client, which does not get it
	Unknown   Verdict = "unknown"    // that can not be told, or not any more
)

// rank orders verdicts by how much is said of a user with several connections.
var rank = map[Verdict]int{Delivered: 0, OnItsWay: 1, Missed: 2, Unknown: 3, NotForIt: 4}

// Reason is the machine word for why a verdict is what it is. The set only ever grows.
type Reason string

// The reasons.
const (
	Acknowledged Reason = "acknowledged" // the host of the client has acknowledged it, or its poll took it
	HandedBack   Reason = "handed_back"  // the client itself said that it has it

	Unacknowledged Reason = "unacknowledged" // it was handed to the socket
	Waiting        Reason = "waiting"        // the client gets first what is before it
	NotOpened      Reason = "not_opened"     // the client has not opened its socket yet
	IsAway         Reason = "away"           // the client may come back for it

	OtherUsers      Reason = "other_users"
	NotAmongPMUsers Reason = "not_among_pm_users"
	Excluded        Reason = "excluded"
	NotInChannel    Reason = "not_in_channel"
	JoinedLater     Reason = "joined_later"
	LeftBefore      Reason = "left_before"
	ConnectedLater  Reason = "connected_later"
	GoneBefore      Reason = "gone_before"
	ClientLeft      Reason = "client_left" // before it, or before the client had it
	NotConnected    Reason = "not_connected"

	AwayTooLong      Reason = "away_too_long"
	NeverOpened      Reason = "never_opened"
	SlowConsumer     Reason = "slow_consumer"
	Disconnected     Reason = "disconnected"
	TakenOut         Reason = "taken_out" // of the channel, before the client had it
	ToldMissed       Reason = "told_missed"
	NotLogged        Reason = "not_logged" // store_frames is off
	BeganLater       Reason = "began_later"
	LogNoLonger      Reason = "log_no_longer"
	NoSuchMessage    Reason = "no_such_message"
	Erased           Reason = "erased"
	NoConnection     Reason = "no_such_connection"
	ChronicleLater   Reason = "chronicle_later"
	GatewaySilent    Reason = "gateway_silent"
	NotNoted         Reason = "not_noted"
	NotLookedThrough Reason = "not_looked_through"
)

// Judgement is a verdict with its reason.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	Reason  Reason  `json:"reason"`
	Because string  `json:"because"`
}

func judgement(v Verdict, why Reason, because string, args ...any) Judgement {
	if len(args) > 0 {
		because = fmt.Sprintf(because, args...)
	}
	return Judgement{Verdict: v, Reason: why, Because: because}
}

// evidence is what is known of one message and one connection.
type evidence struct {
	question Question
	found    *found
	message  *message                           // nil: it was not found
	unlogged bool                               // its channel is sent without the log, at present
	from     time.Time                          // all that became of the connection since then is known
	life     *contract.ConnectionLife           // nil: there is no such connection
	spans    []span                             // of it
	sessions map[string]contract.SessionAccount // by id
	silent   map[string]bool                    // gateways
	window   time.Duration
}

func (v *evidence) follow(life *contract.ConnectionLife) {
	v.life, v.spans = life, spansOf(life)
}

// judge says what became of the message. It depends on nothing but the evidence.
func (v *evidence) judge() Judgement {
	m := v.message
	switch {
	case m == nil:
		return v.notFound()
	case v.life == nil:
		return v.nobody()
	}
	if is, why := m.audience(v.life.User); !is {
		return judgement(NotForIt, why, notFor[why])
	}
	if m.at.Before(v.from) {
		return judgement(Unknown, ChronicleLater, "What was with the connection when the message was stored can not be told any more: presence remembers it since %s.", stamp(v.from))
	}
	then := standingAt(v.life, m.at)
	switch {
	case m.offset > 0:
		return v.logged(then)
	case v.unlogged:
		return v.fleeting(then)
	}
	return v.trimmed(then)
}

var notFor = map[Reason]string{
	OtherUsers:      "It is a private message to other users.",
	Excluded:        "The user is among its exclude_users.",
	NotAmongPMUsers: "The user is not among its pm_users.",
	NotInChannel:    "The connection was not in the channel.",
	JoinedLater:     "The connection came into the channel when the message had been stored.",
	LeftBefore:      "The connection had left the channel when the message was stored.",
	ConnectedLater:  "The connection was made when the message had been stored.",
	GoneBefore:      "The connection was gone when the message was stored.",
	ClientLeft:      "Its client had said that it leaves before the message was stored.",
	NotConnected:    "The user had no connection when the message was stored, and none since.",
}

// notFound says why there is no message.
func (v *evidence) notFound() Judgement {
	q, f := v.question, v.found
	switch {
	case !f.erased.IsZero():
		return judgement(Unknown, Erased, "The message was erased at %s, and what is left of it does not say whom it was for.", stamp(f.erased))
	case q.Offset > f.log.Last:
		return judgement(Unknown, NoSuchMessage, "The log has not come to that offset yet: it ends at %d.", f.log.Last)
	case q.Offset > 0 && q.Offset < f.log.First:
		return judgement(Unknown, LogNoLonger, "The log no longer has it: it begins at %d.", f.log.First)
	case q.Offset > 0:
		return judgement(Unknown, NoSuchMessage, "At that offset of the log there is no message: it was erased, or there never was one.")
	case v.unlogged:
		return judgement(Unknown, NotLogged, "Messages of the channel are sent without being stored (store_frames), so nothing is left of them.")
	case f.searched > 0:
		return judgement(Unknown, NotLookedThrough, "There was no time to look through the log: nothing was found behind offset %d. Name the channel.", f.searched)
	case q.Channel == "":
		return judgement(Unknown, NoSuchMessage, "The log has no message with that uuid. If it is older than what the log keeps, name the channel: its history is looked through then.")
	}
	return judgement(Unknown, NoSuchMessage, "Neither the log nor the history of the channel has a message with that uuid.")
}

// nobody says why there is no connection.
func (v *evidence) nobody() Judgement {
	switch {
	case v.question.ConnID != "":
		return judgement(Unknown, NoConnection, "Presence knows no such connection, and knew of none since %s.", stamp(v.from))
	case v.message.at.Before(v.from):
		return judgement(Unknown, ChronicleLater, "The user has no connection, and presence remembers those that there were since %s.", stamp(v.from))
	}
	if v.message.private() {
		if is, why := v.message.audience(v.question.User); !is {
			return judgement(NotForIt, why, notFor[why])
		}
	}
	return judgement(NotForIt, NotConnected, notFor[NotConnected])
}

// in says whether the message is for a connection that stands so.
func (v *evidence) in(s *contract.Standing) bool {
	return s != nil && (s.In || v.message.private())
}

// logged follows a message of the log through the sessions of the connection.
//
//	in the channel when it was stored ──► the session of that time ──► the next one, which begins where that one stopped ──► …
//	one that begins behind an older offset gets it too
func (v *evidence) logged(then *contract.Standing) Judgement {
	m := v.message
	owed := v.in(then) && !then.Left
	var lost *contract.MissedSpan
	for i := range v.spans {
		s := &v.spans[i]
		if !s.open() && !s.end.After(m.at) {
			continue
		}
		account, told := v.sessions[s.session]
		since := account.Since
		if since == 0 && s.before != nil {
			since = s.before.Offset
		}
		if live := !s.begin.After(m.at); live {
			if !owed {
				continue
			}
		} else {
			switch {
			case owed && account.Resumed && since >= m.offset:
				return judgement(Delivered, HandedBack, "Its client came back with offset %d, and so had everything up to there.", since)
			case !v.in(s.first), since >= m.offset:
				continue
			case since == 0:
				return judgement(Unknown, NotNoted, "Where its client went on when it came back was not noted.")
			case v.overLimit(s, &account, told):
				return judgement(Unknown, NotNoted, "Its client came back without saying where it stopped, and gets the newest messages then, at most %d of a channel.", mostFollowers)
			}
		}
		if span := covering(account.Missed, m); span != nil {
			lost, owed = span, false
			continue
		}
		if j, sure := v.within(s, &account, told); sure {
			return j
		}
		owed = true
	}
	return v.left(then, owed, lost)
}

// overLimit says whether the message may be too old for a client that comes back and does not say where it stopped, and of which
// its last gateway did not say so either.
func (v *evidence) overLimit(s *span, account *contract.SessionAccount, told bool) bool {
	exact := told && account.Resumed || s.before != nil && s.before.Exact
	limit := mostFollowers
	if v.message.private() {
		limit = mostPrivateFollowers
	}
	f := v.message.followers
	return !exact && len(f) >= limit && f[limit-1].Before(s.begin)
}

// covering gives what a client was told of which it does not get the message; nil: nothing.
func covering(missed []contract.MissedSpan, m *message) *contract.MissedSpan {
	for i := range missed {
		span := &missed[i]
		before := m.offset <= span.Offset
		if span.Offset == 0 { // it was told between two messages
			before = !m.at.After(span.At)
		}
		if m.offset > span.Since && before {
			return span
		}
	}
	return nil
}

// within says what became of a message in a session that was to hand it over, if that is sure.
func (v *evidence) within(s *span, account *contract.SessionAccount, told bool) (j Judgement, sure bool) {
	m := v.message
	if at := reached(s, account); at >= m.offset {
		return judgement(Delivered, Acknowledged, "Its client has everything up to offset %d.", at), true
	}
	switch {
	case !s.open():
		return j, false
	case !told:
		return judgement(Unknown, GatewaySilent, "The gateway that holds its socket does not say how far that came."), true
	case account.Handed < m.offset || account.Coming:
		return judgement(OnItsWay, Waiting, "The connection is open, and its client is still behind the message: it has come to offset %d.", account.Handed), true
	case account.Backlog > 0:
		return judgement(OnItsWay, Unacknowledged, "It was handed over, but its client does not take what it is sent: %d bytes wait for it.", account.Backlog), true
	}
	return judgement(OnItsWay, Unacknowledged, "It was handed over, and its client's host has not acknowledged it yet."), true
}

// reached is how far a client came for certain in a session; 0: that is not known.
func reached(s *span, account *contract.SessionAccount) uint64 {
	at := account.Acknowledged
	if !s.open() && s.after != nil && s.after.State != contract.Attached && s.after.Exact {
		at = max(at, s.after.Offset)
	}
	return at
}

// left says what becomes of a message that no session has handed over. owed says that the client was to get it.
func (v *evidence) left(then *contract.Standing, owed bool, lost *contract.MissedSpan) Judgement {
	now := v.life.Now()
	switch {
	case lost != nil && lost.Offset > 0:
		return judgement(Missed, ToldMissed, "Its client could not be given everything behind offset %d, was told so, and went on from %d.", lost.Since, lost.Offset)
	case lost != nil:
		return judgement(Missed, ToldMissed, "Its client could not be given everything behind offset %d, and was told so.", lost.Since)
	case !owed:
		return v.notIn(then)
	case now == nil:
		return v.gone()
	case now.Left:
		return judgement(Missed, ClientLeft, "Its client said that it leaves before it had the message, and does not go on where it stopped.")
	case !v.in(now):
		return judgement(Missed, TakenOut, "The connection was taken out of the channel before its client had the message.")
	case now.State == contract.Attached:
		return judgement(Missed, BeganLater, "When its client came back, it did not go on before the message.")
	case now.State == contract.Pending:
		return judgement(OnItsWay, NotOpened, "Its client has not opened a socket yet, and gets it when it does.")
	}
	return v.away(now)
}

// away is for a client that may come back for the message.
func (v *evidence) away(now *contract.Standing) Judgement {
	until := stamp(v.awaySince(now).Add(v.window))
	if v.closedFor() == contract.ReasonSlowConsumer {
		return judgement(OnItsWay, IsAway, "Its socket was closed as slow_consumer, with the message or before it. The client gets it if it comes back by %s.", until)
	}
	return judgement(OnItsWay, IsAway, "Its client is away, and gets it if it comes back by %s.", until)
}

// awaySince is when the last session of a connection ended.
func (v *evidence) awaySince(now *contract.Standing) time.Time {
	if n := len(v.spans); n > 0 {
		return v.spans[n-1].end
	}
	return now.Since
}

// closedFor is why the last session was closed, as its gateway says; "" if it does not.
func (v *evidence) closedFor() contract.Reason {
	if n := len(v.spans); n > 0 {
		if ended := v.sessions[v.spans[n-1].session].Ended; ended != nil {
			return ended.Reason
		}
	}
	return ""
}

// gone is for a connection that was forgotten before its client had the message.
func (v *evidence) gone() Judgement {
	last := v.life.Changes[len(v.life.Changes)-1]
	before := v.life.Before
	if n := len(v.life.Changes); n > 1 {
		before = v.life.Changes[n-2].After
	}
	switch {
	case v.closedFor() == contract.ReasonSlowConsumer:
		return judgement(Missed, SlowConsumer, "Its client did not read what it was sent, so its socket was closed as slow_consumer; and it did not come back.")
	case last.By == contract.CauseDisconnect:
		return judgement(Missed, Disconnected, "/disconnect ended the connection before its client had the message.")
	case before != nil && before.State == contract.Pending:
		return judgement(Missed, NeverOpened, "Its client never opened a socket, so the connection was forgotten.")
	case before != nil && before.Left:
		return judgement(Missed, ClientLeft, "Its client said that it leaves before it had the message, and does not go on where it stopped.")
	}
	return judgement(Missed, AwayTooLong, "Its client was away for too long: the connection was forgotten at %s.", stamp(last.At))
}

// notIn says why a message is not for a connection that could have been in the channel.
func (v *evidence) notIn(then *contract.Standing) Judgement {
	inBefore, inLater, wasBefore := v.around(v.message.at)
	why := NotInChannel
	switch {
	case then != nil && then.Left && v.in(then):
		why = ClientLeft
	case then == nil && wasBefore:
		why = GoneBefore
	case then == nil:
		why = ConnectedLater
	case inBefore:
		why = LeftBefore
	case inLater:
		why = JoinedLater
	}
	return judgement(NotForIt, why, notFor[why])
}

// around says whether the connection was in the channel at some time before a moment, or came into it later; and whether it was
// there at all before.
func (v *evidence) around(when time.Time) (inBefore, inLater, wasBefore bool) {
	see := func(s *contract.Standing, at time.Time) {
		if at.After(when) {
			inLater = inLater || v.in(s)
			return
		}
		inBefore, wasBefore = inBefore || v.in(s), wasBefore || s != nil
	}
	see(v.life.Before, time.Time{})
	for i := range v.life.Changes {
		see(v.life.Changes[i].After, v.life.Changes[i].At)
	}
	return inBefore, inLater, wasBefore
}

// fleeting is for a message that went straight to those who were there, and of which the history tells.
func (v *evidence) fleeting(then *contract.Standing) Judgement {
	switch {
	case !v.in(then) || then.Left:
		return v.notIn(then)
	case then.State == contract.Attached:
		return judgement(Unknown, NotNoted, "The connection was open, and in the channel; but its messages are sent without being stored (store_frames), and nobody notes how far each came.")
	}
	return judgement(Missed, NotLogged, "Its client was not there, and messages of the channel are not stored for clients that come back (store_frames).")
}

// trimmed is for a message that the log no longer has, and of which the history tells.
func (v *evidence) trimmed(then *contract.Standing) Judgement {
	if !v.in(then) || then.Left {
		return v.notIn(then)
	}
	for i := range v.spans {
		s := &v.spans[i]
		account, told := v.sessions[s.session]
		live := !s.begin.After(v.message.at)
		switch {
		case !s.open() && !s.end.After(v.message.at):
		case live && s.open() && told && len(account.Missed) == 0 && account.Acknowledged == cmp.Or(account.Handed, 1):
			return judgement(Delivered, Acknowledged, "The connection has been open since before the message, and its client has all that it was sent.")
		case !live && then.State != contract.Attached && len(account.Missed) > 0:
			return judgement(Missed, ToldMissed, "Its client was away, and when it came back the log no longer had the message; the client was told that it missed something.")
		default:
			return judgement(Unknown, LogNoLonger, "The log no longer has it, so that how far its client came does not tell.")
		}
	}
	if then.State == contract.Attached {
		return judgement(Unknown, LogNoLonger, "The log no longer has it, so that how far its client came does not tell.")
	}
	return judgement(Missed, LogNoLonger, "Its client was away, did not come back, and the log no longer has the message.")
}

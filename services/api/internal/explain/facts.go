package explain

import (
	"fmt"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// Fact is one thing that is known. Key is its machine word, and says which of the values it has.
type Fact struct {
	At        string `json:"at,omitempty"` // when it came to be so
	Key       string `json:"key"`
	Fact      string `json:"fact"`
	Offset    uint64 `json:"offset,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Count     int    `json:"count,omitempty"`
	Bytes     int    `json:"bytes,omitempty"`
	By        string `json:"by,omitempty"` // contract.Cause
	State     string `json:"state,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	Session   string `json:"session,omitempty"`
	Transport string `json:"transport,omitempty"`
	Reason    string `json:"reason,omitempty"` // contract.Reason
	API       string `json:"api,omitempty"`
	Address   string `json:"address,omitempty"`
	Trace     string `json:"trace,omitempty"`
}

// stamp writes a moment as all answers have it; empty for none.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(contract.TimestampLayout)
}

// messageFacts are those of the message.
func (v *evidence) messageFacts() (facts []Fact) {
	m := v.message
	if m == nil {
		if !v.found.erased.IsZero() {
			facts = append(facts, Fact{At: stamp(v.found.erased), Key: "erased", Fact: "It was erased, by DELETE /message."})
		}
		return append(facts, v.logFact())
	}
	facts = append(facts, v.storedFact())
	if m.from.API != "" {
		facts = append(facts, acceptedFact(m.from))
	}
	facts = append(facts, v.audienceFact())
	if m.edits > 0 {
		facts = append(facts, Fact{At: stamp(m.edited), Key: "edited", Count: m.edits, Fact: "It was edited, the last time then."})
	}
	if !m.removed.IsZero() {
		facts = append(facts, Fact{At: stamp(m.removed), Key: "removed", Fact: "It was taken back by DELETE /message, and is about to be erased."})
	}
	return facts
}

func (v *evidence) logFact() Fact {
	log := v.found.log
	if log.Messages == 0 {
		return Fact{Key: "log", Fact: "The log is empty.", Offset: log.Last}
	}
	return Fact{Key: "log", Fact: fmt.Sprintf("The log begins at offset %d and ends at %d.", log.First, log.Last), Offset: log.First}
}

func (v *evidence) storedFact() Fact {
	m := v.message
	what := map[string]string{contract.TypeEdit: "It is an edit, which", contract.TypeDelete: "It is a deletion, which"}[m.kind]
	if what == "" {
		what = "It"
	}
	switch {
	case m.offset > 0:
		return Fact{
			At: stamp(m.at), Key: "stored", Offset: m.offset, Channel: m.channel,
			Fact: fmt.Sprintf("%s was accepted, and stored in the log at offset %d.", what, m.offset),
		}
	case v.unlogged:
		return Fact{At: stamp(m.at), Key: "not_logged", Channel: m.channel, Fact: what + " was accepted, and went straight to those who were there (store_frames); the channel's history has it."}
	}
	return Fact{At: stamp(m.at), Key: "in_history", Channel: m.channel, Fact: what + " was accepted. The log no longer has it; the channel's history does."}
}

func acceptedFact(from contract.From) Fact {
	f := Fact{
		Key: "accepted", API: from.API, Address: from.Address, Trace: from.Trace,
		Fact: fmt.Sprintf("Api %s accepted it, from %s.", from.API, from.Address),
	}
	if from.Trace != "" {
		f.Fact = fmt.Sprintf("Api %s accepted it, from %s, in trace %s.", from.API, from.Address, from.Trace)
	}
	return f
}

func (v *evidence) audienceFact() Fact {
	m := v.message
	f := Fact{Key: "audience", Channel: m.channel}
	switch {
	case m.private():
		f.Fact = "It is a private message; each of the users whom it names has a copy of it."
	case len(m.only) > 0 && len(m.except) > 0:
		f.Fact, f.Count = fmt.Sprintf("It was for %d users in the channel (pm_users), but not for %d (exclude_users).", len(m.only), len(m.except)), len(m.only)
	case len(m.only) > 0:
		f.Fact, f.Count = fmt.Sprintf("It was for %d users in the channel (pm_users).", len(m.only)), len(m.only)
	case len(m.except) > 0:
		f.Fact, f.Count = fmt.Sprintf("It was for all in the channel but %d users (exclude_users).", len(m.except)), len(m.except)
	default:
		f.Fact = "It was for all in the channel."
	}
	return f
}

// mostFacts is how many changes of a connection are told, the newest.
const mostFacts = 50

// facts are those of the connection: how it stood when the message was stored, what has changed since, and how far its sessions
// came.
func (v *evidence) facts() []Fact {
	facts := []Fact{{At: stamp(v.from), Key: "remembered", Fact: "Presence remembers since then what became of connections."}}
	when := v.from
	if v.message != nil && v.message.at.After(v.from) {
		when = v.message.at
		facts = append(facts, v.thenFacts(when)...)
	}
	var changes []Fact
	before := v.life.Before
	for i := range v.life.Changes {
		c := &v.life.Changes[i]
		if c.At.After(when) || v.message == nil {
			changes = append(changes, v.changeFacts(before, c)...)
		}
		before = c.After
	}
	facts = append(facts, changes[max(len(changes)-mostFacts, 0):]...)
	facts = append(facts, nowFact(v.life.Now()))
	for i := max(len(v.spans)-mostFacts, 0); i < len(v.spans); i++ {
		s := &v.spans[i]
		if s.open() || s.end.After(when) || i == len(v.spans)-1 {
			facts = append(facts, v.sessionFacts(s)...)
		}
	}
	return facts
}

// thenFacts say how the connection stood when the message was stored.
func (v *evidence) thenFacts(when time.Time) []Fact {
	then := standingAt(v.life, when)
	if then == nil {
		facts := []Fact{{At: stamp(when), Key: "then", Fact: "When the message was stored there was no such connection."}}
		return append(facts, v.lastBefore(when, func(after *contract.Standing) bool { return after == nil })...)
	}
	f := Fact{
		At: stamp(when), Key: "then", State: string(then.State), Gateway: then.Gateway, Session: then.Session, Transport: then.Transport,
		Fact: "When the message was stored the connection was " + describe(then) + ".",
	}
	if v.message.private() {
		return []Fact{f}
	}
	member := Fact{Channel: v.message.channel, Key: "in_channel", Fact: "It was in the channel."}
	if !then.In {
		member.Key, member.Fact = "not_in_channel", "It was not in the channel."
	}
	facts := []Fact{f, member}
	since := v.lastBefore(when, func(after *contract.Standing) bool { return after != nil && after.In == then.In })
	return append(facts, since...)
}

// lastBefore tells of the last change to how things were at a moment. is says whether a standing is so.
func (v *evidence) lastBefore(when time.Time, is func(*contract.Standing) bool) []Fact {
	before := v.life.Before
	var last []Fact
	for i := range v.life.Changes {
		c := &v.life.Changes[i]
		if c.At.After(when) {
			break
		}
		if is(c.After) && !is(before) {
			last = v.changeFacts(before, c)
		}
		before = c.After
	}
	return last
}

func describe(s *contract.Standing) string {
	switch s.State {
	case contract.Pending:
		return "waiting for its client to open a socket"
	case contract.Attached:
		return fmt.Sprintf("open by %s at gateway %s", s.Transport, s.Gateway)
	case contract.Lingering:
		return "without a socket, and its client expected back"
	}
	if s.Left {
		return "left by its client"
	}
	return "without a socket for so long that apps did not know it any more"
}

func nowFact(now *contract.Standing) Fact {
	if now == nil {
		return Fact{Key: "now", State: "forgotten", Fact: "Now there is no such connection."}
	}
	return Fact{
		At: stamp(now.Since), Key: "now", State: string(now.State), Gateway: now.Gateway, Session: now.Session,
		Transport: now.Transport, Offset: now.Offset, Fact: "Since then the connection is " + describe(now) + ".",
	}
}

// changeFacts tell of one change, as far as it matters for the message.
func (v *evidence) changeFacts(before *contract.Standing, c *contract.StandingChange) (facts []Fact) {
	if f, is := lifeFact(before, c); is {
		f.At, f.By = stamp(c.At), string(c.By)
		facts = append(facts, f)
	}
	in := func(s *contract.Standing) bool { return s != nil && s.In }
	if in(before) == in(c.After) || c.After == nil {
		return facts
	}
	f := Fact{At: stamp(c.At), Key: "joined", By: string(c.By), Channel: v.found.channel, Fact: "It came into the channel" + byWord[c.By] + "."}
	if !c.After.In {
		f.Key, f.Fact = "parted", "It left the channel"+byWord[c.By]+"."
	}
	return append(facts, f)
}

var byWord = map[contract.Cause]string{
	contract.CauseConnect: ", by /connect", contract.CauseSubscribe: ", by /subscribe", contract.CauseUnsubscribe: ", by /unsubscribe",
	contract.CauseJoin: ", which its client asked for", contract.CauseLeave: ", which its client asked for",
}

// lifeFact tells how a connection came from one state into another.
func lifeFact(before *contract.Standing, c *contract.StandingChange) (f Fact, is bool) {
	now := c.After
	switch {
	case now == nil && c.By == contract.CauseDisconnect:
		return Fact{Key: "disconnected", Fact: "/disconnect ended the connection."}, true
	case now == nil:
		return Fact{Key: "forgotten", Fact: "Nobody came for it in time, and the connection was forgotten."}, true
	case now.State == contract.Attached && (before == nil || before.Session != now.Session):
		return Fact{
			Key: "opened", Gateway: now.Gateway, Session: now.Session, Transport: now.Transport,
			Fact: fmt.Sprintf("Its client opened it by %s at gateway %s.", now.Transport, now.Gateway),
		}, true
	case before == nil:
		return Fact{Key: "connected", Offset: now.Offset, Fact: "/connect made the connection."}, true
	case before.State == now.State:
		return Fact{}, false
	case now.State == contract.Dormant && now.Left:
		return Fact{Key: "left", Fact: "Its client said that it leaves."}, true
	case now.State == contract.Dormant:
		return Fact{Key: "dormant", Offset: now.Offset, Fact: "Its client had not come back, and apps did not know the connection any more."}, true
	case c.By == contract.CauseOrphaned:
		return Fact{Key: "orphaned", Gateway: before.Gateway, Session: before.Session, Fact: "The gateway of its socket was gone."}, true
	case now.Exact:
		return Fact{
			Key: "ended", Gateway: before.Gateway, Session: before.Session, Offset: now.Offset,
			Fact: fmt.Sprintf("Its socket ended. By then its client had everything up to offset %d.", now.Offset),
		}, true
	}
	return Fact{Key: "ended", Gateway: before.Gateway, Session: before.Session, Fact: "Its socket ended."}, true
}

// sessionFacts say how far a session came.
func (v *evidence) sessionFacts(s *span) []Fact {
	account, told := v.sessions[s.session]
	fact := func(key, text string, offset uint64) Fact {
		return Fact{Key: key, Fact: text, Offset: offset, Gateway: s.gateway, Session: s.session, Transport: account.Transport}
	}
	switch {
	case v.silent[s.gateway]:
		return []Fact{fact("gateway_silent", "The gateway does not answer.", 0)}
	case !told:
		return []Fact{fact("session_unknown", "The gateway knows nothing of the session any more.", 0)}
	}
	var facts []Fact
	if account.Resumed {
		facts = append(facts, fact("resumed", fmt.Sprintf("Its client came back with offset %d, and gets everything behind it.", account.Since), account.Since))
	}
	for _, m := range account.Missed {
		f := fact("told_missed", fmt.Sprintf("Its client was told that it does not get everything behind offset %d.", m.Since), m.Since)
		f.At = stamp(m.At)
		facts = append(facts, f)
	}
	if account.CatchingUp || account.Coming {
		facts = append(facts, fact("catching_up", "Its client is on the way to what is new: it gets first what it missed.", 0))
	}
	if account.Ended == nil && account.Handed > 0 {
		facts = append(facts, fact("handed", fmt.Sprintf("Its socket was handed everything up to offset %d.", account.Handed), account.Handed))
	}
	if account.Acknowledged > 0 {
		facts = append(facts, fact("acknowledged", fmt.Sprintf("Its client's host has everything up to offset %d.", account.Acknowledged), account.Acknowledged))
	}
	if account.Backlog > 0 {
		f := fact("backlog", fmt.Sprintf("%d bytes wait in the gateway for its client to read.", account.Backlog), 0)
		f.Bytes = account.Backlog
		facts = append(facts, f)
	}
	if account.Ended != nil {
		f := fact("closed", fmt.Sprintf("The session ended as %s.", account.Ended.Reason), 0)
		f.At, f.Reason = stamp(account.Ended.At), string(account.Ended.Reason)
		facts = append(facts, f)
	}
	return facts
}

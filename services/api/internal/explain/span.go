package explain

import (
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// span is the time of one session of a connection, from one change of its record to another.
type span struct {
	session, gateway, transport string

	begin, end time.Time          // zero: before all that is known; it is open
	before     *contract.Standing // right before it began; nil: nothing was, or it is not known
	first      *contract.Standing
	last       *contract.Standing // right before it ended
	after      *contract.Standing // right after; nil: it is open, or the connection was forgotten
	by         contract.Cause     // it ended
}

func (s *span) open() bool { return s.end.IsZero() }

// spansOf gives the sessions of a connection, the oldest first.
func spansOf(life *contract.ConnectionLife) (spans []span) {
	var at *span
	var before *contract.Standing
	step := func(now *contract.Standing, when time.Time, by contract.Cause) {
		attached := now != nil && now.State == contract.Attached
		if at != nil && (!attached || now.Session != at.session) {
			at.end, at.after, at.by = when, now, by
			spans = append(spans, *at)
			at = nil
		}
		if attached && at == nil {
			at = &span{session: now.Session, gateway: now.Gateway, transport: now.Transport, begin: when, before: before, first: now}
		}
		if attached {
			at.last = now
		}
		before = now
	}
	step(life.Before, time.Time{}, "")
	for i := range life.Changes {
		c := &life.Changes[i]
		step(c.After, c.At, c.By)
	}
	if at != nil {
		spans = append(spans, *at)
	}
	return spans
}

// standingAt is how a connection stood at a moment; nil: there was none.
func standingAt(life *contract.ConnectionLife, when time.Time) *contract.Standing {
	now := life.Before
	for i := range life.Changes {
		if life.Changes[i].At.After(when) {
			break
		}
		now = life.Changes[i].After
	}
	return now
}

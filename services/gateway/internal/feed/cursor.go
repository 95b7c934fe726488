package feed

import "github.com/channelstream/channelstream/shared/bus"

// cursor is how far a subscription has come in the log, and what it waits for.
//
//	                 ┌─ it was handed on before ────────────► pass over
//	a live copy ─────┼─ a hole before it is being filled ───► hold ──────────────┐
//	                 ├─ the one before it has not come ─────► hold, and fill ────┤
//	                 └─ it is the next ─────────────────────► hand on ◄── filled ┘
//
// It does not read, send or lock: whoever owns it does as it says.
type cursor struct {
	base    uint64 // how far the log had come when the subscription began: what lies before it was not for us; 0: not known yet
	tail    uint64 // sequence of the newest message up to base; 0: there was none
	seen    uint64 // of the newest message that was handed on, or is known to be gone
	suspect uint64 // of the log's newest message, as a look at the tails found it, when that had not come yet
	filling bool   // a hole is being read from the log
	held    []*bus.Msg
}

// step is what is to be done with a live copy.
type step uint8

const (
	passOver step = iota
	handOn
	hold
	fillHole // and hold it
)

// begin notes where the subscription begins: how far the log had come, and its newest message up to there.
func (c *cursor) begin(base, tail uint64) { c.base, c.tail = base, tail }

// reached is how far the subscription has come.
func (c *cursor) reached() uint64 { return max(c.seen, c.base) }

// newest is the sequence of the newest message up to where the subscription has come, or a later one; 0 if there is none.
func (c *cursor) newest() uint64 { return max(c.seen, c.tail) }

// next says what to do with a live copy, before which the subject's last message had another sequence.
func (c *cursor) next(sequence, before uint64) step {
	switch {
	case c.filling:
		return hold
	case sequence <= c.reached(): // or whoever needs it reads it as the past
		return passOver
	case c.base > 0 && before > c.reached(): // before there is a base nobody listens, and what is not there is no hole
		return fillHole
	}
	return handOn
}

// handedOn notes the message that was handed on last.
func (c *cursor) handedOn(sequence uint64) { c.seen = sequence }

// hold keeps a live copy for when the hole before it is filled. Those that are too many are another hole then.
func (c *cursor) hold(m *bus.Msg) {
	if len(c.held) < maxHeld {
		c.held = append(c.held, m)
	}
}

// lacks says whether a message of the log has not come, and nobody reads it yet.
func (c *cursor) lacks(sequence uint64) bool { return sequence > c.reached() && !c.filling }

// fill begins to fill the hole behind what was reached.
func (c *cursor) fill() { c.filling = true }

// filled ends it: what was not handed on up to a sequence is gone. It gives what was held.
func (c *cursor) filled(upTo uint64) (held []*bus.Msg) {
	held, c.held = c.held, nil
	c.seen, c.filling = max(c.seen, upTo), false
	return held
}

// compare takes what a look at the log's tails found. A live copy may still be on its way, so what has not come is
// suspicious only, until suspected is asked.
func (c *cursor) compare(tail uint64) (suspicious bool) {
	if tail <= c.reached() {
		return false
	}
	c.suspect = tail
	return true
}

// suspected gives up to where there is a hole, if what was suspicious has not come meanwhile.
func (c *cursor) suspected() (goal uint64, hole bool) { return c.suspect, c.lacks(c.suspect) }

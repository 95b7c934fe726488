package feed

import (
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// tapes are all tapes of a feed.
type tapes struct {
	limit int64        // bytes
	held  atomic.Int64 // bytes on the tapes, and of what is being read from the log for one

	// owned by Run
	of    map[*subscription]struct{} // those that have one
	order uint64                     // of the last message that was put on one
}

const (
	defaultTapeBytes = 256 << 20
	tapeShare        = 4 // one tape has at most such a part of all bytes, and those that nobody uses have it together
)

func (t *tapes) share() int { return int(t.limit / tapeShare) }

func (t *tapes) full() bool { return t.held.Load() > t.limit }

// record puts a message on its topic's tape.
func (t *tapes) record(s *subscription, m bus.LogMessage) {
	t.order++
	s.tape.add(m, t.order)
	if t.full() {
		t.makeRoom()
	}
}

// makeRoom takes off what nobody uses, and if that is not enough, the older half of the longest tape, and so on. Some
// more goes than has to, so that the next message does not need room again.
func (t *tapes) makeRoom() {
	t.wipeUnused()
	for t.held.Load() > t.limit-t.limit/8 {
		var longest *tape
		for s := range t.of {
			if longest == nil || s.tape.bytes > longest.bytes {
				longest = s.tape
			}
		}
		if longest == nil || len(longest.recorded) == 0 {
			return // the rest is being read, and those who read see it
		}
		longest.shorten((len(longest.recorded) + 1) / 2)
	}
}

func (t *tapes) wipeUnused() {
	for s := range t.of {
		if len(s.tape.readers) == 0 {
			t.wipe(s)
		}
	}
}

// wipeOld wipes the tapes that nobody has used for some time, or all unused ones when they hold too much.
func (t *tapes) wipeOld(now time.Time) {
	unused := 0
	for s := range t.of {
		if len(s.tape.readers) == 0 {
			unused += s.tape.bytes
		}
	}
	if unused > t.share() {
		t.wipeUnused()
	}
	for s := range t.of {
		if len(s.tape.readers) == 0 && now.Sub(s.tape.used) > tapeLife {
			t.wipe(s)
		}
	}
}

func (t *tapes) wipe(s *subscription) {
	t.held.Add(-int64(s.tape.bytes))
	s.tape = nil
	delete(t.of, s)
}

// TapeBytes is how many bytes are kept for clients that come back.
func (f *Feed) TapeBytes() int64 { return f.tapes.held.Load() }

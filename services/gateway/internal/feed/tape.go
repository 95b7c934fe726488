package feed

import (
	"cmp"
	"slices"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// tape is the recent past of one topic: everything of it that was handed on, and that clients who come back may have
// missed. It is there only while some do, and shortly after, so that a thousand who come back at once read the log once.
// Run owns it.
type tape struct {
	from     uint64     // the tape has all of the topic that lies behind this sequence and was handed on
	recorded []recorded // in the order of their sequences
	bytes    int
	pins     int           // clients that are being caught up from it
	used     time.Time     // when the last of them was done
	reading  chan struct{} // holds one while somebody reads what lies before it
}

// recorded is one message on a tape.
type recorded struct {
	bus.LogEntry
	order uint64 // in which it was handed on; 0: before the tape began
}

const (
	tapeLife = 2 * time.Second // without a client
	maxTaped = 64 << 20        // bytes on the tapes that nobody uses; more, and they are wiped at once
	longTape = 4096            // messages on a tape that nobody uses right now; of more, the older half goes
)

func newTape(from uint64) *tape { return &tape{from: from, reading: make(chan struct{}, 1)} }

// add puts a message at the end. What an app had removed is taken off.
func (t *tape) add(m bus.LogEntry, order uint64) {
	if uuid := m.Header.Get(contract.HeaderDelete); uuid != "" {
		t.remove(uuid)
	}
	if t.pins == 0 && len(t.recorded) >= longTape {
		t.shorten()
	}
	t.recorded = append(t.recorded, recorded{LogEntry: m, order: order})
	t.bytes += size(m)
}

// shorten takes the older half off: where clients always come and go, a tape would grow for ever.
func (t *tape) shorten() {
	gone := t.recorded[:len(t.recorded)/2]
	for _, r := range gone {
		t.bytes -= size(r.LogEntry)
	}
	t.from = gone[len(gone)-1].Sequence
	t.recorded = slices.Clone(t.recorded[len(gone):])
}

func size(m bus.LogEntry) int {
	return len(m.Subject) + len(m.Data) + len(m.Header.Get(contract.HeaderPM)) + len(m.Header.Get(contract.HeaderExclude)) + 256
}

func (t *tape) remove(uuid string) {
	t.recorded = slices.DeleteFunc(slices.Clone(t.recorded), func(r recorded) bool {
		gone := contract.UUIDOfMessage(r.ID()) == uuid || r.Header.Get(contract.HeaderEdit) == uuid
		if gone {
			t.bytes -= size(r.LogEntry)
		}
		return gone
	})
}

// extend puts what was read from the log before the tape, unless somebody else has.
func (t *tape) extend(since uint64, past []bus.LogEntry) {
	if since >= t.from {
		return
	}
	before := make([]recorded, 0, len(past)+len(t.recorded))
	for _, m := range past {
		if m.Sequence > since && m.Sequence <= t.from {
			before = append(before, recorded{LogEntry: m})
			t.bytes += size(m)
		}
	}
	t.recorded, t.from = append(before, t.recorded...), since
}

// after gives what lies behind a sequence.
func (t *tape) after(sequence uint64) []recorded {
	at, _ := slices.BinarySearchFunc(t.recorded, sequence+1, func(r recorded, s uint64) int { return cmp.Compare(r.Sequence, s) })
	return t.recorded[at:]
}

// wipeTapes wipes the tapes that nobody has used for some time, or all unused ones when they hold too much.
func (f *Feed) wipeTapes(now time.Time) {
	unused := 0
	for e := range f.taped {
		if e.tape.pins == 0 {
			unused += e.tape.bytes
		}
	}
	for e := range f.taped {
		if t := e.tape; t.pins == 0 && (unused > maxTaped || now.Sub(t.used) > tapeLife) {
			e.tape = nil
			delete(f.taped, e)
		}
	}
}

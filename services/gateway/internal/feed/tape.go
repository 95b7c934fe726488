package feed

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// tape is the recent past of one topic: everything of it that was handed on, and that clients who come back may have
// missed. It is there only while some do, and shortly after, so that a thousand who come back at once read the log once.
// What its readers have not got yet is on it, and nowhere else: so its bytes are all that they hold.
type tape struct {
	// set at construction
	subject string        // in the log
	limit   int           // bytes
	held    *atomic.Int64 // bytes on all tapes
	reading chan struct{} // holds one while somebody reads what lies before the tape

	// owned by Run
	from     uint64        // the tape has all of the topic that lies behind this sequence and was handed on
	recorded []recorded    // in the order of their sequences
	bytes    int           // of what is recorded
	long     int           // messages at which it is seen whether anybody needs the older half
	readers  map[*Past]int // which of its topics this is to each client that is being caught up from it
	used     time.Time     // when the last of them was done
}

// recorded is one message on a tape.
type recorded struct {
	bus.LogMessage
	order uint64 // in which it was handed on; 0: before the tape began
	size  int
}

const (
	tapeLife  = 2 * time.Second // without a reader
	longTape  = 4096            // messages on a tape; of more, the older half goes, if nobody needs it
	mostTaped = 2 * mostMissed  // messages on a tape; of more, the older ones go, and those who need them are cut off
)

func newTape(subject string, from uint64, limit int, held *atomic.Int64) *tape {
	return &tape{
		subject: subject, limit: limit, held: held, from: from, long: longTape,
		reading: make(chan struct{}, 1), readers: map[*Past]int{},
	}
}

// What a message takes in memory beside its bytes, about: its place on the tape and its header.
const (
	messageCost = 384
	headerCost  = 64
)

func size(m bus.LogMessage) int {
	size := messageCost + len(m.Subject) + len(m.Data)
	for key, values := range m.Header {
		size += headerCost + len(key)
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

func (t *tape) grow(bytes int) {
	t.bytes += bytes
	t.held.Add(int64(bytes))
}

// add puts a message at the end. What an app had removed is taken off.
func (t *tape) add(m bus.LogMessage, order uint64) {
	if uuid := m.Header.Get(contract.HeaderDelete); uuid != "" {
		t.remove(uuid)
	}
	r := recorded{LogMessage: m, order: order, size: size(m)}
	t.recorded = append(t.recorded, r)
	t.grow(r.size)
	for t.bytes > t.limit || len(t.recorded) > mostTaped {
		t.shorten(max(len(t.recorded)/4, 1))
	}
	if len(t.recorded) > t.long {
		t.tidy()
	}
}

// tidy takes the older half off, if nobody needs it: where clients always come and go, a tape would be long for ever.
func (t *tape) tidy() {
	half := len(t.recorded) / 2
	for p, at := range t.readers {
		if p.reached(at) < t.recorded[half-1].Sequence {
			t.long += longTape / 4
			return
		}
	}
	t.shorten(half)
	t.long = max(longTape, len(t.recorded)+longTape/4)
}

// shorten takes the first messages off. Readers who have not got them are cut off.
func (t *tape) shorten(n int) {
	gone := t.recorded[:n]
	for _, r := range gone {
		t.grow(-r.size)
	}
	t.from = gone[n-1].Sequence
	t.recorded = slices.Clone(t.recorded[n:])
	for p, at := range t.readers {
		if p.reached(at) < t.from {
			p.cutOff()
		}
	}
}

func (t *tape) remove(uuid string) {
	t.recorded = slices.DeleteFunc(slices.Clone(t.recorded), func(r recorded) bool {
		gone := contract.UUIDOfMessage(r.ID()) == uuid || r.Header.Get(contract.HeaderEdit) == uuid
		if gone {
			t.grow(-r.size)
		}
		return gone
	})
}

// extend puts what was read from the log before the tape, so that it has all behind a sequence, if there is room for it.
func (t *tape) extend(since uint64, past []recorded) (fits bool) {
	if since >= t.from {
		return true
	}
	bytes := 0
	for _, r := range past {
		bytes += r.size
	}
	if t.bytes+bytes > t.limit || len(t.recorded)+len(past) > mostTaped {
		return false
	}
	t.recorded, t.from = append(past, t.recorded...), since
	t.grow(bytes)
	return true
}

// after gives what lies behind a sequence.
func (t *tape) after(sequence uint64) []recorded {
	at, _ := slices.BinarySearchFunc(t.recorded, sequence+1, func(r recorded, s uint64) int { return cmp.Compare(r.Sequence, s) })
	return t.recorded[at:]
}

// upTo is the sequence of the newest message on the tape, or behind which it begins.
func (t *tape) upTo() uint64 {
	if len(t.recorded) == 0 {
		return t.from
	}
	return t.recorded[len(t.recorded)-1].Sequence
}

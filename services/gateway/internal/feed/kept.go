package feed

import (
	"cmp"
	"slices"
	"time"
)

// kept is what is handed on later: while live copies may have been lost that no hole betrays, nobody knows the place in
// the log behind which a client has got everything. A client that got a message then, and came back a moment later, would get
// it twice. So messages wait until the log's tails were compared, mostly a third of a second; then they go out in the order
// of the log, each with its own place.
type kept struct {
	messages []keptMessage
	bytes    int
	since    time.Time // when the first of them came
	late     bool      // the tails can not be compared in time: messages go out with the last place that is sure
}

type keptMessage struct {
	sequence uint64
	hand     func(offset uint64)
}

// What is kept at most. Beyond that a client may get a message twice.
const (
	keepFor   = time.Second
	mostKept  = 10_000
	keptBytes = 16 << 20
)

// keeps says whether messages are to be kept. Run calls it, and the following.
func (f *Feed) keeps() bool {
	if f.doubts.Load() == f.marks.doubts && !f.marks.doubted {
		f.kept.late = false
		return false
	}
	return !f.kept.late
}

// keep keeps a message, or what is told in its place.
func (f *Feed) keep(sequence uint64, size int, hand func(offset uint64)) {
	k := &f.kept
	if len(k.messages) == 0 {
		k.since = time.Now()
	}
	k.messages = append(k.messages, keptMessage{sequence: sequence, hand: hand})
	k.bytes += size
	if len(k.messages) >= mostKept || k.bytes >= keptBytes {
		f.handLate()
	}
}

// handKept hands on what was kept, when its places are sure.
func (f *Feed) handKept() {
	all := f.kept.messages
	f.kept = kept{}
	slices.SortStableFunc(all, func(a, b keptMessage) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, m := range all {
		m.hand(m.sequence)
	}
}

// handLate hands on what was kept though its places are not sure, if it waits for too long or is too much.
func (f *Feed) handLate() {
	all := f.kept.messages
	f.kept = kept{late: true}
	for _, m := range all {
		m.hand(f.moveMark())
	}
}

// handOld is to be called now and then.
func (f *Feed) handOld(now time.Time) {
	if len(f.kept.messages) > 0 && now.Sub(f.kept.since) >= keepFor {
		f.handLate()
	}
}

package feed

import (
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
)

// marks is what the offset is made of that messages carry to clients.
type marks struct {
	highest uint64                     // everything up to here was handed on, but for what follows
	filling map[*subscription]struct{} // behind a hole
	floor   uint64                     // where live copies may have been lost for the first time; only while doubted
	doubts  uint64                     // that were settled
	doubted bool
	check   *tailCheck // of which not all that it found missing has been handed on; nil: none
}

// note notes the sequence of a message that is handed on, or kept. What its client may hand back, which has got it and
// everything that was handed on before it, is the sequence itself where nothing is missing. While a hole is filled, or live
// copies may have been lost that no hole betrays, it is the last place behind which all is known to have come: a client that
// goes on from there may get a message twice, but misses none.
func (f *Feed) note(sequence uint64) {
	f.doubt()
	f.marks.highest = max(f.marks.highest, sequence)
}

// doubt notes, before another message is handed on, that live copies may have been lost.
func (f *Feed) doubt() {
	m := &f.marks
	if !m.doubted && f.doubts.Load() != m.doubts {
		m.doubted, m.floor = true, m.highest
	}
}

func (f *Feed) moveMark() uint64 {
	m := &f.marks
	mark := m.highest
	if m.doubted {
		mark = min(mark, m.floor)
	}
	for s := range m.filling {
		mark = min(mark, s.cursor.reached())
	}
	f.mark.Store(mark)
	return mark
}

// closeCheck ends a look at the tails, when all that it found missing has been handed on.
func (f *Feed) closeCheck() {
	m := &f.marks
	if m.check == nil || len(f.suspects) > 0 || len(m.filling) > 0 || len(f.kept.messages) > 0 && f.halted() {
		return
	}
	f.doubt()
	m.highest = max(m.highest, m.check.upTo)
	if m.check.doubts == f.doubts.Load() {
		m.doubted, m.doubts = false, m.check.doubts
		f.handKept()
	}
	m.check = nil
	if before := f.mark.Load(); f.moveMark() != before {
		f.hub.Mark(f.mark.Load())
	}
}

// Mark is the offset of a client that has got all that was handed on up to now.
func (f *Feed) Mark() uint64 { return f.mark.Load() }

// MarkOf is the offset of a client that is in these topics only, and has got all that was handed on of them since it came:
// what lies before a subscription was not for it.
func (f *Feed) MarkOf(topics []*hub.Topic) uint64 {
	var least uint64
	for i, s := range f.subscriptionsOf(topics) {
		if i == 0 || s.base < least {
			least = s.base
		}
	}
	return max(f.Mark(), least)
}

// markOf is the offset of a client that has got all that was handed on of some topics. Run calls it.
func (f *Feed) markOf(all []*subscription) uint64 {
	var least uint64
	for i, s := range all {
		if reached := s.cursor.reached(); i == 0 || reached < least {
			least = reached
		}
	}
	return max(f.Mark(), least)
}

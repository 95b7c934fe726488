package history

import (
	"fmt"
	"math"
	"slices"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

// reading is the history of one channel while its records go by, oldest first. It holds at most twice what it shall
// show. Owned by who reads.
type reading struct {
	size  int          // 0: no limit
	kept  []record     // oldest first
	bytes int          // of what is kept
	index fold.Targets // places in kept
	cut   bool         // some were dropped for want of room
}

type record struct {
	uuid, audience string
	body           []byte
}

// room is what a message takes in an answer, its comma included.
func (m *record) room() int { return len(m.body) + 1 }

func newReading(size int) *reading {
	return &reading{size: size}
}

// add adds a message, takes one away that was removed, or puts an edit into the one it is of. As recorded, an edit is of
// the first with its uuid, unless there are several and one has the audience that the edit names; and one of a message that is
// not there is nothing.
func (r *reading) add(e bus.LogMessage) error {
	if uuid := e.Header.Get(contract.HeaderDelete); uuid != "" {
		r.remove(uuid)
		return nil
	}
	if uuid := e.Header.Get(contract.HeaderEdit); uuid != "" {
		return r.edit(uuid, e)
	}
	m := record{uuid: contract.UUIDOfMessage(e.ID()), audience: contract.AudienceOfMessage(e.ID()), body: e.Data}
	r.note(&m, len(r.kept))
	r.kept = append(r.kept, m)
	r.bytes += len(e.Data) + 1
	if r.size > 0 && len(r.kept) >= 2*r.size {
		r.drop(len(r.kept) - r.size)
	}
	return nil
}

func (r *reading) edit(uuid string, e bus.LogMessage) error {
	at, found := r.index.Find(uuid, e.Header.Get(contract.HeaderOf), math.MaxUint64)
	if !found {
		return nil
	}
	body, err := fold.Edit(r.kept[at].body, e.Data)
	if err != nil {
		return fmt.Errorf("fold record %d of %s: %w", e.Sequence, e.Subject, err)
	}
	r.bytes += len(body) - len(r.kept[at].body)
	r.kept[at].body = body
	return nil
}

// remove takes away all with a uuid. They are erased, or are about to be.
func (r *reading) remove(uuid string) {
	if _, found := r.index.Find(uuid, "", math.MaxUint64); found {
		r.keep(slices.DeleteFunc(r.kept, func(m record) bool { return m.uuid == uuid }))
	}
}

// drop forgets the oldest.
func (r *reading) drop(n int) { r.keep(slices.Clone(r.kept[n:])) }

func (r *reading) keep(kept []record) {
	r.kept, r.bytes = kept, 0
	r.index.Clear()
	for i := range kept {
		r.bytes += kept[i].room()
		r.note(&kept[i], i)
	}
}

func (r *reading) note(m *record, at int) {
	r.index.Add(m.uuid, m.audience, uint64(at)) //nolint:gosec // a place in a slice
}

// fit drops what is more than the size.
func (r *reading) fit() {
	if r.size > 0 && len(r.kept) > r.size {
		r.drop(len(r.kept) - r.size)
	}
}

// shorten drops the oldest that find no room.
func (r *reading) shorten(room int) {
	n, left := 0, r.bytes
	for left > room {
		left -= r.kept[n].room()
		n++
	}
	if n > 0 {
		r.drop(n)
		r.cut = true
	}
}

func (r *reading) history() History {
	h := History{Messages: make([][]byte, len(r.kept)), Truncated: r.cut && len(r.kept) < r.size}
	for i := range r.kept {
		h.Messages[i] = r.kept[i].body
	}
	return h
}

package history

import (
	"fmt"
	"slices"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

// reading is the history of one channel while its records go by, oldest first. It holds at most twice what it shall
// show. Owned by who reads.
type reading struct {
	size  int            // 0: no limit
	kept  []record       // oldest first
	bytes int            // of what is kept
	index map[string]int // in kept, of the first message with a uuid
	cut   bool           // some were dropped for want of room
}

type record struct {
	uuid string
	body []byte
}

// room is what a message takes in an answer, its comma included.
func (m *record) room() int { return len(m.body) + 1 }

func newReading(size int) *reading {
	return &reading{size: size, index: map[string]int{}}
}

// take adds a message, takes one away that was removed, or puts an edit into the one it is of. As recorded, an edit is of
// the first with its uuid, and one of a message that is not there is nothing.
func (r *reading) take(e bus.LogEntry) error {
	if uuid := e.Header.Get(contract.HeaderDelete); uuid != "" {
		r.remove(uuid)
		return nil
	}
	if uuid := e.Header.Get(contract.HeaderEdit); uuid != "" {
		return r.edit(uuid, e)
	}
	uuid := contract.UUIDOfMessage(e.ID())
	r.note(uuid, len(r.kept))
	r.kept = append(r.kept, record{uuid: uuid, body: e.Data})
	r.bytes += len(e.Data) + 1
	if r.size > 0 && len(r.kept) >= 2*r.size {
		r.drop(len(r.kept) - r.size)
	}
	return nil
}

func (r *reading) edit(uuid string, e bus.LogEntry) error {
	at, found := r.index[uuid]
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
	if _, found := r.index[uuid]; found {
		r.keep(slices.DeleteFunc(r.kept, func(m record) bool { return m.uuid == uuid }))
	}
}

// drop forgets the oldest.
func (r *reading) drop(n int) { r.keep(slices.Clone(r.kept[n:])) }

func (r *reading) keep(kept []record) {
	r.kept, r.bytes = kept, 0
	clear(r.index)
	for i := range kept {
		r.bytes += kept[i].room()
		r.note(kept[i].uuid, i)
	}
}

func (r *reading) note(uuid string, at int) {
	if _, found := r.index[uuid]; !found {
		r.index[uuid] = at
	}
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

package history

import (
	"encoding/json"
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
	index map[string]int // in kept, of the first message with a uuid
}

type record struct {
	uuid string
	body []byte
}

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
	r.kept = kept
	clear(r.index)
	for i := range kept {
		r.note(kept[i].uuid, i)
	}
}

func (r *reading) note(uuid string, at int) {
	if _, found := r.index[uuid]; !found {
		r.index[uuid] = at
	}
}

func (r *reading) messages() []json.RawMessage {
	if r.size > 0 && len(r.kept) > r.size {
		r.drop(len(r.kept) - r.size)
	}
	messages := make([]json.RawMessage, len(r.kept))
	for i := range r.kept {
		messages[i] = r.kept[i].body
	}
	return messages
}

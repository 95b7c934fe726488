package history

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

const (
	leastExcess = 10      // records that are too many before a trim is worth its while
	maxCounted  = 1 << 16 // channels that are counted at a time, some 10 MB
)

// excess knows which channels have got many new records.
type excess struct {
	some chan struct{} // holds one token while a channel is due

	mu     sync.Mutex
	counts map[string]int      // guarded by mu; records by channel, since its last trim
	due    map[string]struct{} // guarded by mu
}

func newExcess() *excess {
	return &excess{some: make(chan struct{}, 1), counts: map[string]int{}, due: map[string]struct{}{}}
}

// count counts a record; with as many as enough the channel is due, and when too many channels are counted, they all are.
func (e *excess) count(channel string, enough int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[channel]++
	switch {
	case len(e.counts) > maxCounted:
		for channel := range e.counts {
			e.due[channel] = struct{}{}
		}
		clear(e.counts)
	case e.counts[channel] >= enough:
		e.due[channel] = struct{}{}
		delete(e.counts, channel)
	default:
		return
	}
	select {
	case e.some <- struct{}{}:
	default:
	}
}

// take gives the channels that are due.
func (e *excess) take() map[string]struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	due := e.due
	e.due = map[string]struct{}{}
	return due
}

// Run trims the channels that got many new records until ctx ends. What it could not trim comes with the next.
func (a *Archive) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.excess.some:
		}
		for channel := range a.excess.take() {
			if err := a.trim(ctx, channel, a.Most(channel)); err != nil && ctx.Err() == nil {
				a.config.Logger.Warn("a channel keeps more history than it should; trying again with its next messages", "error", err)
			}
		}
	}
}

// trimAtOnce is how many channels of one Trim are trimmed at a time.
const trimAtOnce = 8

// Trim takes away what channels do not show while they have these sizes, so that it never shows again.
func (a *Archive) Trim(ctx context.Context, sizes map[string]int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(trimAtOnce)
	for channel, size := range sizes {
		group.Go(func() error { return a.trim(ctx, channel, a.bounded(size)) })
	}
	return group.Wait()
}

// trim takes away what a channel has too much: the oldest messages, and what shows in none.
func (a *Archive) trim(ctx context.Context, channel string, most int) error {
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	log, subject := a.Log(channel), a.config.Namespace.HistorySubject(channel)
	var i inventory
	if err := log.Each(ctx, subject, 0, i.add); err != nil {
		return fmt.Errorf("trim history: %w", err)
	}
	oldest := i.oldest(most)
	for _, sequence := range i.vain(oldest) {
		if err := log.Erase(ctx, sequence); err != nil {
			return err
		}
	}
	if oldest == 0 {
		return nil
	}
	return log.Trim(ctx, subject, oldest)
}

// inventory is what lies in the history of one channel, oldest first.
type inventory struct {
	messages []place
	edits    []place  // and deletions, as edits of nothing
	removed  []uint64 // messages that were to be erased
}

type place struct {
	uuid, audience string // of an edit: those of its message
	sequence       uint64
	fields         fold.Fields // of an edit
}

func (i *inventory) add(e bus.LogMessage) error {
	if uuid := e.Header.Get(contract.HeaderDelete); uuid != "" {
		i.remove(uuid)
		i.edits = append(i.edits, place{uuid: uuid, sequence: e.Sequence})
		return nil
	}
	uuid := e.Header.Get(contract.HeaderEdit)
	if uuid == "" {
		i.messages = append(i.messages, place{
			uuid: contract.UUIDOfMessage(e.ID()), audience: contract.AudienceOfMessage(e.ID()), sequence: e.Sequence,
		})
		return nil
	}
	fields, err := fold.FieldsOf(e.Data)
	if err != nil {
		return fmt.Errorf("read record %d of %s: %w", e.Sequence, e.Subject, err)
	}
	i.edits = append(i.edits, place{uuid: uuid, audience: e.Header.Get(contract.HeaderOf), sequence: e.Sequence, fields: fields})
	return nil
}

func (i *inventory) remove(uuid string) {
	i.messages = slices.DeleteFunc(i.messages, func(m place) bool {
		if m.uuid == uuid {
			i.removed = append(i.removed, m.sequence)
		}
		return m.uuid == uuid
	})
}

// oldest is the sequence of the oldest message to keep; 0 if there are not too many.
func (i *inventory) oldest(most int) uint64 {
	if len(i.messages) <= most {
		return 0
	}
	return i.messages[len(i.messages)-most].sequence
}

// vain is what is to be erased, in this order: messages whose deletion broke off, deletions, and those edits from a
// sequence on whose message is not there, or of which later ones replace all. So a message has no more edits than
// fields, and they do not fill up the log; and a deletion stays for as long as what it removes.
func (i *inventory) vain(oldest uint64) []uint64 {
	var messages fold.Targets
	for _, m := range i.messages {
		if m.sequence >= oldest {
			messages.Add(m.uuid, m.audience, m.sequence)
		}
	}
	sequences := i.removed
	replaced := map[uint64]fold.Fields{} // by message
	for _, edit := range slices.Backward(i.edits) {
		if edit.sequence < oldest {
			break
		}
		message, found := messages.Find(edit.uuid, edit.audience, edit.sequence)
		if !found || edit.fields&^replaced[message] == 0 {
			sequences = append(sequences, edit.sequence)
		}
		replaced[message] |= edit.fields
	}
	slices.Sort(sequences)
	return sequences
}

package feed

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

const (
	fillers  = 16                     // holes filled at once; more wait
	fillStep = 256                    // messages read at a time
	fillFor  = 10 * time.Second       // a replica may lag, an election may be on
	fillWait = 200 * time.Millisecond // between two looks
	maxHeld  = 4096                   // messages held for one subject; those beyond are another hole
)

// filled is what the log gave for a hole.
type filled struct {
	entry   *entry
	entries []bus.LogEntry
	upTo    uint64 // nothing up to here is to be had beyond the entries
}

// receive takes one message from NATS.
func (f *Feed) receive(m *bus.Msg) {
	f.mu.RLock()
	e := f.topics[m.Subject]
	f.mu.RUnlock()
	if e == nil {
		f.foreign(m.Subject)
		return
	}
	if goal := nudge(m.Header); goal > 0 {
		if goal > e.reached() && !e.filling {
			f.fill(e, goal)
		}
		return
	}
	f.take(e, m)
}

// take hands a message on, if it is the next of its subject; it passes over one that was handed on before, and holds
// one behind a hole.
func (f *Feed) take(e *entry, m *bus.Msg) {
	sequence, last := sequences(m.Header)
	switch {
	case sequence == 0: // not logged: there is nothing to compare
		f.publish(e, m.Data, m.Header, 0)
	case e.filling:
		if len(e.held) < maxHeld {
			e.held = append(e.held, m)
		}
	case sequence <= e.reached(): // it was handed on, or whoever needs it reads it as the past
	case last > e.reached() && e.base.Load() > 0: // before there is a base nobody listens, and what is not there is no hole
		f.observer.Hole()
		e.held = append(e.held, m)
		f.fill(e, last)
	default:
		f.hand(e, bus.LogEntry{Sequence: sequence, Header: m.Header, Data: m.Data})
	}
}

// fill reads what is missing up to a sequence from the log; the goroutine ends when it has it, or has given up.
func (f *Feed) fill(e *entry, goal uint64) {
	e.filling = true
	f.marks.filling[e] = struct{}{}
	after := e.reached()
	f.fills.Go(func() {
		select {
		case f.slots <- struct{}{}:
		case <-f.ended:
			return
		}
		got := f.read(e, after, goal)
		<-f.slots
		select {
		case f.filled <- got:
		case <-f.ended:
		}
	})
}

// read reads a subject from the log, again and again until it has come to the goal, or the goal is gone: it may have been
// erased, or too old.
func (f *Feed) read(e *entry, after, goal uint64) filled {
	ctx, cancel := context.WithTimeout(context.Background(), fillFor)
	defer cancel()
	got := filled{entry: e, upTo: goal}
	subject := f.namespace.LogSubject(e.topic.Subject)
	for {
		entries, more, err := f.messages.Range(ctx, subject, after, fillStep)
		if n := len(entries); n > 0 {
			got.entries = append(got.entries, entries...)
			after = entries[n-1].Sequence
		}
		if after >= goal {
			return got
		}
		if err == nil && more {
			continue
		}
		if err == nil && f.gone(ctx, subject, after, goal) {
			return got
		}
		select {
		case <-ctx.Done():
			f.lost(after, goal, err)
			return got
		case <-f.ended:
			return got
		case <-time.After(fillWait):
		}
	}
}

// gone says whether the log has nothing of a subject between two sequences any more. It counts as lost what was too old;
// what an app erased was meant to go.
func (f *Feed) gone(ctx context.Context, subject string, after, goal uint64) bool {
	tails, upTo, err := f.messages.Tails(ctx, []string{subject})
	if err != nil || upTo < goal || tails[subject] > after {
		return false
	}
	state, err := f.messages.State(ctx)
	if err != nil {
		return false
	}
	if state.First > goal {
		f.lost(after, goal, nil)
	}
	return true
}

func (f *Feed) lost(after, goal uint64, err error) {
	f.log.Error("messages could not be read from the log and are missing for clients of this gateway",
		"after", after, "up_to", goal, "error", err)
	f.observer.Lost()
}

// finish hands on what was read, and what was held behind it.
func (f *Feed) finish(got filled) {
	e := got.entry
	for _, m := range got.entries {
		if m.Sequence > e.reached() {
			f.hand(e, m)
		}
	}
	e.seen = max(e.seen, got.upTo)
	e.filling = false
	delete(f.marks.filling, e)
	held := e.held
	e.held = nil
	for _, m := range held {
		f.take(e, m)
	}
	f.settleMarks()
}

package feed

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
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
	subscription *subscription
	messages     []bus.LogMessage
	upTo         uint64 // nothing up to here is to be had beyond the messages
	since        uint64 // all up to here has come
	missed       bool   // of what is behind that, the log may have lost some
}

// receive takes one message from NATS.
func (f *Feed) receive(m *bus.Msg) {
	f.mu.RLock()
	s := f.topics[m.Subject]
	f.mu.RUnlock()
	if s == nil {
		f.foreign(m.Subject)
		return
	}
	if goal := nudge(m.Header); goal > 0 {
		if s.cursor.lacks(goal) {
			f.fill(s, goal)
		}
		return
	}
	f.advance(s, m)
}

// advance does with a live copy as the cursor says.
func (f *Feed) advance(s *subscription, m *bus.Msg) {
	sequence, before := sequences(m.Header)
	if sequence == 0 { // not logged: there is nothing to compare
		f.publish(s, bus.LogMessage{Header: m.Header, Data: contract.OpenAudience(m.Header, m.Data)}, 0)
		return
	}
	switch s.cursor.next(sequence, before) {
	case handOn:
		f.hand(s, bus.LogMessage{Sequence: sequence, Header: m.Header, Data: m.Data})
	case hold:
		s.cursor.hold(m)
	case fillHole:
		f.observer.Hole()
		s.cursor.hold(m)
		f.fill(s, before)
	case passOver:
	}
}

// fill reads what is missing up to a sequence from the log; the goroutine ends when it has it, or has given up.
func (f *Feed) fill(s *subscription, goal uint64) {
	s.cursor.fill()
	f.marks.filling[s] = struct{}{}
	after := s.cursor.reached()
	since := max(after, f.Mark())
	f.fills.Go(func() {
		select {
		case f.slots <- struct{}{}:
		case <-f.ended:
			return
		}
		got := f.read(s, after, goal, since)
		<-f.slots
		select {
		case f.filled <- got:
		case <-f.ended:
		}
	})
}

// read reads a subject from the log, again and again until it has come to the goal, or the goal is gone: it may have been
// erased, or too old. What is too old is missed by all who listen; what an app erased was meant to go.
func (f *Feed) read(s *subscription, after, goal, since uint64) filled {
	ctx, cancel := context.WithTimeout(context.Background(), fillFor)
	defer cancel()
	got := filled{subscription: s, upTo: goal, since: since}
	subject := f.namespace.LogSubject(s.topic.Subject)
	for {
		messages, more, err := f.messages.Range(ctx, subject, after, fillStep)
		if n := len(messages); n > 0 {
			got.messages = append(got.messages, messages...)
			after = messages[n-1].Sequence
		}
		if err == nil && more && after < goal {
			continue
		}
		if after >= goal || err == nil && f.gone(ctx, subject, after, goal) {
			var state bus.LogState
			if state, err = f.messages.State(ctx); err == nil {
				if got.missed = state.First > since+1; got.missed {
					f.lost(since, goal, nil)
				}
				return got
			}
		}
		select {
		case <-ctx.Done():
			f.lost(after, goal, err)
			got.missed = true
			return got
		case <-f.ended:
			return got
		case <-time.After(fillWait):
		}
	}
}

// gone says whether the log has nothing of a subject between two sequences any more.
func (f *Feed) gone(ctx context.Context, subject string, after, goal uint64) bool {
	tails, upTo, err := f.messages.Tails(ctx, []string{subject})
	return err == nil && upTo >= goal && tails[subject] <= after
}

func (f *Feed) lost(after, goal uint64, err error) {
	f.log.Error("messages could not be read from the log and are missing for clients of this gateway",
		"after", after, "up_to", goal, "error", err)
	f.observer.Lost()
}

// finish hands on what was read, and what was held behind it. Where something is missing, that is told first.
func (f *Feed) finish(got filled) {
	s := got.subscription
	if got.missed {
		f.missed(s, got.since)
	}
	for _, m := range got.messages {
		if m.Sequence > s.cursor.reached() {
			f.hand(s, m)
		}
	}
	delete(f.marks.filling, s)
	for _, m := range s.cursor.filled(got.upTo) {
		f.advance(s, m)
	}
	f.closeCheck()
}

// missed has those who listen told that something is missing behind a place in the log.
func (f *Feed) missed(s *subscription, since uint64) {
	if f.keeps() {
		f.keep(since, 0, func(uint64) { f.hub.Missed(s.topic, since) })
		return
	}
	f.hub.Missed(s.topic, since)
}

package feed

import (
	"context"
	"math"
	"time"
)

// The tail check finds what no later message reveals: the last message of a channel whose live copy was lost. It runs
// now and then, and at once when copies may have been lost: after a reconnect, a drop, or a change of the log's leader.
const (
	tailStep   = 1000                   // subjects that are looked at in one go
	tailShare  = 20                     // it rests at least so many times as long as it took
	secondLook = 300 * time.Millisecond // a live copy may still be on its way
)

// leaderElected is the advisory of JetStream for a new leader of a stream.
func leaderElected(stream string) string {
	return "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED." + stream
}

// foreign takes a message that is of no topic: the advisory that the log has a new leader.
func (f *Feed) foreign(subject string) {
	if subject == leaderElected(f.namespace.LogStream()) {
		f.doubts.Add(1)
		f.suspicious()
	}
}

// suspicious has the tails looked at soon. It does not block.
func (f *Feed) suspicious() {
	select {
	case f.look <- struct{}{}:
	default:
	}
}

// watchTails compares the log's tails with what was handed on, until ctx ends.
func (f *Feed) watchTails(ctx context.Context) error {
	defer f.bus.OnChange(func(up bool) {
		f.doubts.Add(1)
		if up {
			f.suspicious()
		}
	})()
	defer f.bus.OnDrop(func(string) {
		f.doubts.Add(1)
		f.suspicious()
	})()
	advisories, err := f.in.Subscribe(leaderElected(f.namespace.LogStream()))
	if err != nil {
		return err
	}
	defer advisories.Unsubscribe() //nolint:errcheck // the connection is gone then, and it with it
	var end, number uint64
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		forced := false
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
		case <-f.look:
			forced = true
		}
		began := time.Now()
		number++
		now, err := f.messages.End(ctx)
		if err == nil && (now != end || forced) {
			if err = f.lookAtTails(ctx, number, now); err == nil {
				end = now
			}
		}
		if err != nil && ctx.Err() == nil {
			f.log.Debug("the log's tails could not be read; trying again", "error", err)
			end = 0
		}
		rest.Reset(max(f.tailEvery, tailShare*time.Since(began)))
	}
}

// look is what a look at the log's tails found.
type look struct {
	number uint64
	tails  map[string]uint64 // log subject → sequence of its newest message, of some of the subjects
	upTo   uint64            // how far the log had come, at least
	doubts uint64            // that there were when it began
	last   bool              // of the parts of this look
}

// lookAtTails reads the tail of every subject and has Run compare them. The log had come to end before.
func (f *Feed) lookAtTails(ctx context.Context, number, end uint64) error {
	at := look{number: number, doubts: f.doubts.Load()}
	subjects := f.logSubjects(number)
	for upTo := uint64(math.MaxUint64); !at.last; {
		some := subjects[:min(len(subjects), tailStep)]
		subjects = subjects[len(some):]
		at.last = len(subjects) == 0
		at.upTo = end
		if len(some) > 0 {
			var err error
			if at.tails, at.upTo, err = f.messages.Tails(ctx, some); err != nil {
				return err
			}
		}
		upTo = min(upTo, at.upTo)
		at.upTo = upTo
		select {
		case f.tails <- at:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// logSubjects gives the subjects to look at, and notes that they are.
func (f *Feed) logSubjects(number uint64) []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	subjects := make([]string, 0, len(f.topics))
	for live, e := range f.topics {
		e.look.Store(number)
		subjects = append(subjects, f.namespace.LogSubject(live))
	}
	return subjects
}

// compare notes the subjects whose tail was not handed on.
func (f *Feed) compare(at look) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for subject, tail := range at.tails {
		e := f.topics[f.namespace.LiveSubject(subject)]
		if e != nil && tail > e.reached() {
			e.suspect = tail
			f.suspects = append(f.suspects, e)
		}
	}
	if !at.last {
		return
	}
	for _, e := range f.topics {
		if e.look.Load() != at.number { // it came after the look began
			at.upTo = min(at.upTo, e.base.Load())
		}
	}
	f.marks.look = &at
	f.settleMarks()
}

// lookAgain fills the holes of those that are still behind.
func (f *Feed) lookAgain() {
	for i, e := range f.suspects {
		f.suspects[i] = nil
		if e.suspect > e.reached() && !e.filling {
			f.observer.Hole()
			f.fill(e, e.suspect)
		}
	}
	f.suspects = f.suspects[:0]
	f.settleMarks()
}

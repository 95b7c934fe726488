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
	copiesTake = 300 * time.Millisecond // a live copy may still be on its way
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
	case f.checkNow <- struct{}{}:
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
	var end uint64
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		forced := false
		select {
		case <-ctx.Done():
			return nil
		case <-rest.C:
		case <-f.checkNow:
			forced = true
		}
		began := time.Now()
		now, err := f.messages.End(ctx)
		if err == nil && (now != end || forced) {
			if err = f.checkTails(ctx, now); err == nil {
				end = now
			}
		}
		if err != nil && ctx.Err() == nil {
			f.log.Debug("the log's tails could not be read; trying again", "error", err)
			end = 0
			rest.Reset(copiesTake)
			continue
		}
		rest.Reset(max(f.tailEvery, tailShare*time.Since(began)))
	}
}

// tailCheck is what a look at the log's tails found, or a part of that.
type tailCheck struct {
	begun  uint64            // subscriptions that there had been when it began; later ones are not in it
	tails  map[string]uint64 // log subject → sequence of its newest message, of some of the subjects
	upTo   uint64            // how far the log had come, at least
	doubts uint64            // that there were when it began
	last   bool              // of its parts
}

// checkTails reads the tail of every subject and has Run compare them. The log had come to end before.
func (f *Feed) checkTails(ctx context.Context, end uint64) error {
	found := tailCheck{doubts: f.doubts.Load()}
	var subjects []string
	subjects, found.begun = f.logSubjects()
	for upTo := uint64(math.MaxUint64); !found.last; {
		some := subjects[:min(len(subjects), tailStep)]
		subjects = subjects[len(some):]
		found.last = len(subjects) == 0
		found.upTo = end
		if len(some) > 0 {
			var err error
			if found.tails, found.upTo, err = f.messages.Tails(ctx, some); err != nil {
				return err
			}
		}
		upTo = min(upTo, found.upTo)
		found.upTo = upTo
		select {
		case f.tails <- found:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// logSubjects gives the subjects to look at, and how many subscriptions there have ever been.
func (f *Feed) logSubjects() (subjects []string, begun uint64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	subjects = make([]string, 0, len(f.topics))
	for live := range f.topics {
		subjects = append(subjects, f.namespace.LogSubject(live))
	}
	return subjects, f.begun
}

// compare notes the subjects whose tail was not handed on.
func (f *Feed) compare(found tailCheck) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for subject, tail := range found.tails {
		if s := f.topics[f.namespace.LiveSubject(subject)]; s != nil && s.cursor.compare(tail) {
			f.suspects = append(f.suspects, s)
		}
	}
	if !found.last {
		return
	}
	for _, s := range f.topics {
		if s.number > found.begun {
			found.upTo = min(found.upTo, s.cursor.base)
		}
	}
	f.marks.check = &found
	f.closeCheck()
}

// fillSuspects fills the holes of those that are still behind.
func (f *Feed) fillSuspects() {
	for i, s := range f.suspects {
		f.suspects[i] = nil
		if goal, hole := s.cursor.suspected(); hole {
			f.observer.Hole()
			f.fill(s, goal)
		}
	}
	f.suspects = f.suspects[:0]
	f.closeCheck()
}

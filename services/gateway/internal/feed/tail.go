package feed

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// The tail check finds what no later message reveals: the last message of a channel whose live copy was lost. It runs
// now and then, and at once when copies may have been lost: after a reconnect, a drop, or a change of the log's leader.
const (
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
		if up {
			f.suspicious()
		}
	})()
	defer f.bus.OnDrop(func(string) { f.suspicious() })()
	advisories, err := f.in.Subscribe(leaderElected(f.namespace.LogStream()))
	if err != nil {
		return err
	}
	defer advisories.Unsubscribe() //nolint:errcheck // the connection is gone then, and it with it
	var end uint64
	rest := time.NewTimer(f.tailEvery)
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
		now, err := f.messages.End(ctx)
		if err == nil && (now != end || forced) {
			if err = f.lookAtTails(ctx); err == nil {
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

// lookAtTails reads the tail of every subject and has Run compare them.
func (f *Feed) lookAtTails(ctx context.Context) error {
	subjects := f.logSubjects()
	for len(subjects) > 0 {
		some := subjects[:min(len(subjects), bus.MaxLastSubjects)]
		subjects = subjects[len(some):]
		tails, _, err := f.messages.Tails(ctx, some)
		if err != nil {
			return err
		}
		select {
		case f.tails <- tails:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *Feed) logSubjects() []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	subjects := make([]string, 0, len(f.topics))
	for live := range f.topics {
		subjects = append(subjects, f.namespace.LogSubject(live))
	}
	return subjects
}

// compare notes the subjects whose tail was not handed on.
func (f *Feed) compare(tails map[string]uint64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for subject, tail := range tails {
		e := f.topics[f.namespace.LiveSubject(subject)]
		if e != nil && tail > e.reached() {
			e.suspect = tail
			f.suspects = append(f.suspects, e)
		}
	}
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
}

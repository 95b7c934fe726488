// Package announce tells channels who came and who left, from the ordered watch of connections.
//
// Every replica holds back the changes that the leader has not announced yet, by the revision that is recorded with the
// leader's lease; the leader announces them in order. So a replica that begins to lead goes on from there, and what the
// old leader announced after its last record has the same id again, under which it is stored once, for as long as the
// log remembers ids.
//
// It promises that each joining and parting is announced once and in one order, also when the leader stops or dies, if
// the replica that leads next has followed the watch since before the leader's last record. What a replica finds when it
// starts is not announced: when no other was running, or for less than a third of a lease, what changed in the moments
// before the last one died may be left out. A channel whose messages are not stored may be told again, under the same
// uuid, of what the old leader announced after its last record. A user who comes and goes while the watch is away is not
// announced: what counts is the newest record.
package announce

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/progress"
	"github.com/channelstream/channelstream/shared/telemetry"
)

const (
	atOnce      = 256     // events that are announced together, at least
	mostHeld    = 1 << 17 // changes that wait for a leader; what is beyond is not announced
	lookForLead = 50 * time.Millisecond
)

// Config is what an announcer works with.
type Config struct {
	Leads    func() bool               // this replica leads now
	Recorded func() uint64             // with the lease of whoever leads; 0 where nobody does
	Told     func(channel string) bool // a channel is told who comes and goes
	Announce Announce
	Timeout  time.Duration // of one attempt
	Logger   *slog.Logger
}

// Announce tells of events in their order. It gives the number of those, from the first on, that are told: with an error,
// it is called again for the others.
type Announce func(ctx context.Context, events []Event) (told int, err error)

// Announcer is one replica's. It observes a ledger.
type Announcer struct {
	Config
	fold    *fold             // as far as is announced, or about to be; owned by Run
	pending []Event           // out of the fold and not announced yet; owned by Run
	folded  uint64            // highest revision in the fold; owned by Run
	reached progress.Progress // all up to it is announced
	wake    chan struct{}
	outage  *telemetry.Outage

	mu      sync.Mutex
	held    []change // not in the fold yet; guarded by mu
	highest uint64   // revision observed; guarded by mu
	started bool     // what was there at the start has been observed; guarded by mu
}

type change struct {
	roster.Row[contract.ConnectionRecord]
	found bool // at the start
}

// New makes an announcer.
func New(c Config) *Announcer {
	return &Announcer{
		Config: c, fold: newFold(), wake: make(chan struct{}, 1),
		outage: telemetry.NewOutage(c.Logger, "not all who came and left could be announced; trying again", "who comes and leaves is announced again"),
	}
}

// Announced says up to which revision all is announced.
func (a *Announcer) Announced() uint64 { return a.reached.At() }

// Held is how many changes wait to be announced, or for word that they were.
func (a *Announcer) Held() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.held)
}

// Await says whether all up to a revision was announced before ctx ended.
func (a *Announcer) Await(ctx context.Context, revision uint64) bool {
	return a.reached.Wait(ctx, revision)
}

// Observe holds a change back until it is announced. A watch that begins anew tells again what it has told.
func (a *Announcer) Observe(row roster.Row[contract.ConnectionRecord]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if row.Revision <= a.highest && row.Record != nil {
		return
	}
	a.highest = max(a.highest, row.Revision)
	a.held = append(a.held, change{Row: row, found: !a.started})
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// InStep notes that what comes from now on is new.
func (a *Announcer) InStep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.started = true
}

// Run announces while this replica leads, until ctx ends; then what it has observed by then.
func (a *Announcer) Run(ctx context.Context) error {
	tick := time.NewTicker(lookForLead)
	defer tick.Stop()
	for {
		a.step(ctx)
		select {
		case <-ctx.Done():
			a.step(context.WithoutCancel(ctx))
			return nil
		case <-a.wake:
		case <-tick.C:
		}
	}
}

// step announces what is held, or drops what the leader has announced.
func (a *Announcer) step(ctx context.Context) {
	for ctx.Err() == nil && a.Leads() {
		more := a.collect()
		if !a.announce(ctx) || !more {
			return
		}
	}
	if !a.Leads() {
		a.follow(a.Recorded())
	}
}

// collect folds changes until there are events enough; more says whether some are left.
func (a *Announcer) collect() (more bool) {
	for len(a.pending) < atOnce {
		next, ok := a.next(everything)
		if !ok {
			return false
		}
		a.add(next, a.Told)
	}
	return true
}

func everything(change, int) bool { return true }

// next gives the oldest change that is held, if it is wanted.
func (a *Announcer) next(wanted func(oldest change, held int) bool) (oldest change, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.held) == 0 || !wanted(a.held[0], len(a.held)) {
		return change{}, false
	}
	oldest = a.held[0]
	a.held[0] = change{}
	a.held = a.held[1:]
	return oldest, true
}

// add folds a change. What was there at the start is no event.
func (a *Announcer) add(c change, told func(channel string) bool) {
	if c.found {
		told = nil
	}
	a.pending = append(a.pending, a.fold.apply(c.Row, told)...)
	a.folded = max(a.folded, c.Revision)
}

// announce says whether all that is folded is announced.
func (a *Announcer) announce(ctx context.Context) bool {
	if len(a.pending) > 0 {
		within, cancel := context.WithTimeout(ctx, a.Timeout)
		defer cancel()
		told, err := a.Announce(within, a.pending)
		a.pending = a.pending[told:]
		if a.outage.Note(err, "events", len(a.pending)); err != nil {
			return false
		}
	}
	a.pending = nil
	a.reached.Reach(a.folded)
	return true
}

// follow lets go of what the leader has announced up to a revision.
func (a *Announcer) follow(recorded uint64) {
	for {
		next, ok := a.next(func(oldest change, held int) bool {
			return oldest.found || oldest.Revision <= recorded || held > mostHeld
		})
		if !ok {
			break
		}
		a.add(next, nil)
	}
	a.pending = slices.DeleteFunc(a.pending, func(e Event) bool { return e.Revision <= recorded })
	a.reached.Reach(recorded)
}

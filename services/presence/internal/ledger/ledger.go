// Package ledger keeps the buckets of presence, and a roster that follows them.
//
// It promises that a record changes by compare-and-swap only, that a change which succeeded is in this replica's
// roster when the call returns, and that what others change follows by itself, also across a restart of NATS.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/progress"
)

// Config says where the buckets are.
type Config struct {
	Conn      *bus.Conn
	Namespace contract.Namespace
	Replicas  int           // of each bucket
	LeaseTTL  time.Duration // of each lease
	Logger    *slog.Logger
	Observer  Observer // of connections; may be nil
	Witness   Witness  // of connections; may be nil
}

// Observer is shown every change of a connection in the order of revisions, whoever made it, as its watch tells it.
type Observer interface {
	Observe(row roster.Row[contract.ConnectionRecord])
	InStep() // all that was there at the start has been shown; called each time when the watch began anew
}

// Witness is shown every change of a connection when the roster takes it, which is locked meanwhile, with the record before; and
// later when the bucket took it.
type Witness interface {
	Changed(before, after roster.Row[contract.ConnectionRecord])
	Dated(revision uint64, at time.Time)
	InStep() // as with an Observer
}

// Ledger is the buckets and the roster.
type Ledger struct {
	// set by Open
	Connections *Table[contract.ConnectionRecord]
	Users       *Table[contract.UserRecord]
	Channels    *Table[contract.ChannelRecord]
	Leases      *bus.Bucket
	conn        *bus.Conn
	kept        []bus.Kept // the buckets
	log         *slog.Logger
	observer    Observer
	witness     Witness
	progress    progress.Progress // of the watch of connections
	ready       chan struct{}     // closed when every watch has read all that was there

	mu     sync.RWMutex
	roster *roster.Roster  // guarded by mu
	synced map[string]bool // guarded by mu; buckets whose watch is in step since the connection came up
	steady time.Time       // guarded by mu; when the last of them came into step; zero while one is not
}

// Open makes the buckets, or brings them up to date.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l := &Ledger{
		conn: c.Conn, log: c.Logger, observer: c.Observer, witness: c.Witness, ready: make(chan struct{}),
		roster: roster.New(), synced: map[string]bool{},
	}
	var buckets [4]*bus.Bucket
	for i, config := range []bus.BucketConfig{
		{Name: contract.BucketConnections}, {Name: contract.BucketUsers}, {Name: contract.BucketChannels},
		{Name: contract.BucketLeases, TTL: c.LeaseTTL},
	} {
		config.Name, config.Replicas = c.Namespace.Bucket(config.Name), c.Replicas
		bucket, err := c.Conn.OpenBucket(ctx, config)
		if err != nil {
			return nil, err
		}
		buckets[i] = bucket
		l.kept = append(l.kept, config)
	}
	many := c.Replicas > 1
	l.Connections = newTable(l, buckets[0], many, (*roster.Roster).Connection, l.applyConnection)
	l.Users = newTable(l, buckets[1], many, (*roster.Roster).User, (*roster.Roster).ApplyUser)
	l.Channels = newTable(l, buckets[2], many, (*roster.Roster).Channel, (*roster.Roster).ApplyChannel)
	l.Leases = buckets[3]
	return l, nil
}

func newTable[R any](l *Ledger, b *bus.Bucket, replicated bool,
	row func(*roster.Roster, string) roster.Row[R], apply func(*roster.Roster, roster.Row[R]),
) *Table[R] {
	return &Table[R]{
		bucket: b, replicated: replicated,
		row: func(key string) roster.Row[R] {
			l.mu.RLock()
			defer l.mu.RUnlock()
			return row(l.roster, key)
		},
		apply: func(r roster.Row[R]) {
			l.mu.Lock()
			defer l.mu.Unlock()
			apply(l.roster, r)
		},
	}
}

// applyConnection has the roster take a row, and the witness see it. mu is held.
func (l *Ledger) applyConnection(r *roster.Roster, row roster.Row[contract.ConnectionRecord]) {
	before, taken := r.ApplyConnection(row)
	if taken && l.witness != nil {
		l.witness.Changed(before, row)
	}
}

// ErrBehind is returned by Check while the roster does not follow the buckets.
var ErrBehind = errors.New("the buckets are being read")

// Check says whether the buckets are there and followed: nil, ErrBehind or bus.ErrUnavailable.
func (l *Ledger) Check(ctx context.Context) error {
	if l.SteadySince().IsZero() {
		return ErrBehind
	}
	return l.conn.Has(ctx, l.kept...)
}

// Read calls f with the roster, which f must neither change nor keep.
func (l *Ledger) Read(f func(*roster.Roster)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f(l.roster)
}

// PutLease writes a lease.
func (l *Ledger) PutLease(ctx context.Context, key string, value []byte) error {
	_, err := l.Leases.Put(ctx, key, value)
	return err
}

// Touch notes that a user was active now, unless the note that is there is younger than slack.
func (l *Ledger) Touch(ctx context.Context, user string, now time.Time, slack time.Duration) error {
	stale := func(u *contract.UserRecord) bool { return u != nil && now.Sub(u.LastActive) > slack }
	if !stale(l.Users.Cached(user)) {
		return nil
	}
	_, err := l.Users.Change(ctx, user, func(u *contract.UserRecord) (*contract.UserRecord, error) {
		if !stale(u) {
			return u, nil
		}
		next := *u
		next.LastActive = now
		return &next, nil
	})
	return err
}

// Ready is closed when the roster has had all that was in the buckets.
func (l *Ledger) Ready() <-chan struct{} { return l.ready }

// SteadySince says since when the roster has followed the buckets without an interruption; the zero time when it does
// not now.
func (l *Ledger) SteadySince() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.steady
}

// Await returns when the roster has every change of connections up to a revision, or when ctx ends. A revision that
// does not come within ctx is not waited for again: nothing after it is left in the bucket.
func (l *Ledger) Await(ctx context.Context, revision uint64) {
	if !l.progress.Wait(ctx, revision) && !l.SteadySince().IsZero() {
		l.progress.Reach(revision)
	}
}

// CatchUp returns when the roster has every write of a connection that was acknowledged before, or an ErrUnavailable when
// ctx ends.
func (l *Ledger) CatchUp(ctx context.Context) error {
	newest, err := l.Connections.Newest(ctx)
	if err != nil {
		return err
	}
	if !l.progress.Wait(ctx, newest) {
		return fmt.Errorf("follow the connections up to revision %d: %w: %w", newest, bus.ErrUnavailable, ctx.Err())
	}
	return nil
}

// memory is how long a removal is remembered at least. No write is under way for that long.
const memory = time.Minute

// Run follows the buckets until ctx ends.
func (l *Ledger) Run(ctx context.Context) error {
	defer l.conn.OnChange(func(up bool) {
		if !up {
			l.unsteady()
		}
	})()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.conn.Keep(ctx, l.kept...) })
	g.Go(func() error { return follow(ctx, l, l.Connections, contract.BucketConnections, l.observed) })
	g.Go(func() error { return follow(ctx, l, l.Users, contract.BucketUsers, nil) })
	g.Go(func() error { return follow(ctx, l, l.Channels, contract.BucketChannels, nil) })
	g.Go(func() error {
		leases := newTable(l, l.Leases, false, (*roster.Roster).Lease, (*roster.Roster).ApplyLease)
		return follow(ctx, l, leases, contract.BucketLeases, nil)
	})
	g.Go(func() error {
		tick := time.NewTicker(memory)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				l.mu.Lock()
				l.roster.Forget()
				l.mu.Unlock()
			}
		}
	})
	return g.Wait()
}

// follow applies a bucket's entries to the roster until ctx ends. applied, if not nil, is called with each row, and when it was
// written.
func follow[R any](ctx context.Context, l *Ledger, t *Table[R], name string, applied func(roster.Row[R], time.Time)) error {
	apply := func(entry bus.Entry) {
		row := t.row(entry.Key)
		if row.Record == nil || entry.Deleted || row.Revision != entry.Revision { // or else this replica wrote it
			read, err := decode[R](entry)
			if err == nil {
				t.apply(read)
			} else { // what is known of it stays
				l.log.Error("a record can not be read", "bucket", name, "key", entry.Key, "error", err)
				read.Record = row.Record
			}
			row = read
		}
		if applied != nil {
			applied(row, entry.At)
		}
	}
	if err := t.bucket.Watch(ctx, apply, func() { l.inStep(name) }); err != nil {
		return fmt.Errorf("follow %s: %w", name, err)
	}
	return nil
}

// observed notes how far the watch of connections has come.
func (l *Ledger) observed(row roster.Row[contract.ConnectionRecord], at time.Time) {
	if l.witness != nil {
		l.witness.Dated(row.Revision, at)
	}
	if l.observer != nil {
		l.observer.Observe(row)
	}
	l.progress.Reach(row.Revision)
}

func (l *Ledger) unsteady() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.synced)
	l.steady = time.Time{}
}

func (l *Ledger) inStep(bucket string) {
	if bucket == contract.BucketConnections {
		if l.observer != nil {
			l.observer.InStep()
		}
		if l.witness != nil {
			l.witness.InStep()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.synced[bucket] = true
	if len(l.synced) < 4 || !l.steady.IsZero() {
		return
	}
	l.steady = time.Now()
	select {
	case <-l.ready:
	default:
		close(l.ready)
	}
}

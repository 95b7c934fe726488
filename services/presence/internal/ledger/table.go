package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Change makes the next record of the current one, which is nil when there is none and must not be changed in place.
// The same pointer leaves the record as it is, nil removes it, an error refuses. It may be called several times.
type Change[R any] func(current *R) (*R, error)

// Outcome is what a change came to.
type Outcome[R any] struct {
	Before, After *R // nil when there was, or is, no record
	Revision      uint64
}

// Changed says whether something was written.
func (o Outcome[R]) Changed() bool { return o.Before != o.After }

// Table is one bucket of records, each changed by compare-and-swap.
type Table[R any] struct {
	bucket     *bus.Bucket
	replicated bool                           // any replica may be behind, but for the leader
	row        func(key string) roster.Row[R] // from the roster
	apply      func(row roster.Row[R])        // to the roster
}

// Cached gives what this replica knows of a name, which may be a moment old; nil when nothing.
func (t *Table[R]) Cached(name string) *R { return t.row(contract.EncodeToken(name)).Record }

// Fresh reads a name's record, after every write that was acknowledged before; nil when there is none.
func (t *Table[R]) Fresh(ctx context.Context, name string) (*R, uint64, error) {
	row, err := t.fresh(ctx, contract.EncodeToken(name))
	return row.Record, row.Revision, err
}

// Newest is the revision of the newest record, or removal, that the bucket holds. Who has followed the bucket up to it has
// every write that was acknowledged before.
func (t *Table[R]) Newest(ctx context.Context) (uint64, error) { return t.bucket.Newest(ctx) }

// Change changes a name's record. It begins from what the roster knows, since a stale revision is refused by the
// bucket; but what would be refused or left alone is decided by a fresh read, since no write proves it.
func (t *Table[R]) Change(ctx context.Context, name string, change Change[R]) (Outcome[R], error) {
	key := contract.EncodeToken(name)
	row := t.row(key)
	for attempt, read := 0, false; ; attempt++ {
		next, refused := change(row.Record)
		if refused != nil || next == row.Record {
			if read {
				return Outcome[R]{Before: row.Record, After: row.Record, Revision: row.Revision}, refused
			}
		} else {
			revision, err := t.write(ctx, row, next, key)
			if err == nil {
				t.apply(roster.Row[R]{Key: key, Record: next, Revision: revision})
				return Outcome[R]{Before: row.Record, After: next, Revision: revision}, nil
			}
			if !errors.Is(err, bus.ErrConflict) {
				return Outcome[R]{}, err
			}
			if err := backoff(ctx, attempt); err != nil {
				return Outcome[R]{}, err
			}
		}
		var err error
		if row, err = t.fresh(ctx, key); err != nil {
			return Outcome[R]{}, err
		}
		read = true
	}
}

func (t *Table[R]) write(ctx context.Context, row roster.Row[R], next *R, key string) (uint64, error) {
	if next == nil {
		return t.bucket.Remove(ctx, key, row.Revision)
	}
	value, err := json.Marshal(next)
	if err != nil {
		return 0, fmt.Errorf("encode the record of %s: %w", key, err)
	}
	if row.Record == nil {
		return t.bucket.Create(ctx, key, value)
	}
	return t.bucket.Update(ctx, key, value, row.Revision)
}

// fresh reads a key where it can not be behind, and lets the roster know.
func (t *Table[R]) fresh(ctx context.Context, key string) (roster.Row[R], error) {
	cached := t.row(key)
	read := t.bucket.Get
	if t.replicated {
		read = t.bucket.Current
	}
	entry, err := read(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		if cached.Record != nil {
			t.apply(roster.Row[R]{Key: key, Revision: cached.Revision})
		}
		return roster.Row[R]{Key: key}, nil
	}
	if err != nil {
		return roster.Row[R]{}, err
	}
	row, err := decode[R](entry)
	if err == nil {
		t.apply(row)
	}
	return row, err
}

func decode[R any](entry bus.Entry) (roster.Row[R], error) {
	row := roster.Row[R]{Key: entry.Key, Revision: entry.Revision}
	if entry.Deleted {
		return row, nil
	}
	record := new(R)
	if err := json.Unmarshal(entry.Value, record); err != nil {
		return row, fmt.Errorf("decode the record of %s: %w", entry.Key, err)
	}
	row.Record = record
	return row, nil
}

// backoff lets the others who change the same key through.
func backoff(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	return pause(ctx, time.Duration(rand.Int64N(int64(time.Millisecond)<<min(attempt, 6)))) //nolint:gosec // spreads load only
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, ctx.Err())
	}
}

package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/channelstream/channelstream/shared/telemetry"
)

// Watch calls apply, one at a time and in the order of revisions, with every key's value and with each change, until
// ctx ends; synced, if not nil, is called each time when all that was there at the start has been applied. After NATS
// was away, or when the bucket was made anew, it compares all keys: those that went meanwhile are applied as deleted, at the
// revision at which the last one was seen.
func (b *Bucket) Watch(ctx context.Context, apply func(Entry), synced func()) error {
	w := &watch{bucket: b, apply: apply, synced: synced, known: map[string]struct{}{}}
	w.broken = telemetry.NewOutage(b.conn.log, "a watch broke off; trying again", "a watch that broke off goes on")
	again := make(chan struct{}, 1)
	anew := func() {
		select {
		case again <- struct{}{}:
		default:
		}
	}
	defer b.conn.OnChange(func(up bool) {
		if up {
			anew()
		}
	})()
	made, err := b.conn.nc.Subscribe(streamAdvisory("CREATED", BucketStream(b.name)), func(*nats.Msg) { anew() })
	if err != nil {
		return fmt.Errorf("watch %s: %w", b.name, unavailable(err))
	}
	defer made.Unsubscribe() //nolint:errcheck // the connection is gone then, and it with it
	for ctx.Err() == nil {
		if err := w.run(ctx, again); err != nil && ctx.Err() == nil {
			w.broken.Note(err, "bucket", b.name)
			select {
			case <-ctx.Done():
			case <-again:
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return nil
}

// watch is one watcher's memory. Owned by the goroutine in Watch.
type watch struct {
	bucket *Bucket
	apply  func(Entry)
	synced func()
	broken *telemetry.Outage
	known  map[string]struct{} // keys that have a value, as applied
	last   uint64              // highest revision applied
}

func (w *watch) run(ctx context.Context, again <-chan struct{}) error {
	watcher, err := w.bucket.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.bucket.name, err)
	}
	defer watcher.Stop() //nolint:errcheck // the connection is gone then, and the watcher with it
	fresh := map[string]struct{}{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			return nil
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				return fmt.Errorf("watch %s: the updates ended", w.bucket.name)
			case e == nil:
				w.forgetRest(fresh)
				fresh = nil
			default:
				w.learn(e, fresh)
			}
		}
	}
}

func (w *watch) learn(e jetstream.KeyValueEntry, fresh map[string]struct{}) {
	entry := Entry{Key: e.Key(), Revision: e.Revision(), At: e.Created(), Deleted: e.Operation() != jetstream.KeyValuePut}
	if entry.Deleted {
		delete(w.known, entry.Key)
		delete(fresh, entry.Key)
	} else {
		entry.Value = e.Value()
		w.known[entry.Key] = struct{}{}
		if fresh != nil {
			fresh[entry.Key] = struct{}{}
		}
	}
	w.last = max(w.last, entry.Revision)
	w.apply(entry)
}

// forgetRest ends the first reading of all keys: what was known and did not come again is gone.
func (w *watch) forgetRest(fresh map[string]struct{}) {
	for key := range w.known {
		if _, ok := fresh[key]; !ok {
			delete(w.known, key)
			w.apply(Entry{Key: key, Revision: w.last, Deleted: true})
		}
	}
	w.broken.Note(nil)
	if w.synced != nil {
		w.synced()
	}
}

// Package leader lets one replica lead, by a lease in a bucket whose keys end with the bucket's TTL.
//
// It promises that a replica which can not renew its lease in time stops leading before another may begin.
package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Candidate is one replica's claim to lead.
type Candidate struct {
	// set at construction
	bucket *bus.Bucket
	ttl    time.Duration
	record contract.LeaseRecord
	log    *slog.Logger

	announced func() uint64 // how far the replica has announced; recorded with the lease

	revision uint64 // of the lease while held; owned by Run

	mu    sync.Mutex
	since time.Time // guarded by mu; when it began to lead; zero while it does not
	until time.Time // guarded by mu; when the lease ends unless it is renewed
}

// New makes a candidate. id is unique among the replicas; ttl is the bucket's; announced says up to which revision of
// connections a next leader need not announce anything.
func New(bucket *bus.Bucket, id string, ttl time.Duration, announced func() uint64, log *slog.Logger) *Candidate {
	return &Candidate{
		bucket: bucket, ttl: ttl, log: log, announced: announced,
		record: contract.LeaseRecord{ID: id, Started: time.Now().UTC(), Contract: contract.Version},
	}
}

// Since says whether this replica leads now, and since when.
func (c *Candidate) Since() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since, !c.since.IsZero() && time.Now().Before(c.until)
}

// Run claims and renews the lease until ctx ends, then gives it back.
func (c *Candidate) Run(ctx context.Context) error {
	tick := time.NewTicker(c.ttl / 3)
	defer tick.Stop()
	for {
		value, err := c.lease()
		if err != nil {
			return err
		}
		c.step(ctx, value)
		select {
		case <-ctx.Done():
			return c.resign(context.WithoutCancel(ctx))
		case <-tick.C:
		}
	}
}

func (c *Candidate) lease() ([]byte, error) {
	record := c.record
	record.Announced, record.Renewed = c.announced(), time.Now().UTC()
	value, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode the leader's lease: %w", err)
	}
	return value, nil
}

// step renews the lease, or claims one that is free.
func (c *Candidate) step(ctx context.Context, value []byte) {
	ctx, cancel := context.WithTimeout(ctx, c.ttl/3)
	defer cancel()
	start := time.Now() // the lease lasts at least until start + ttl, whenever NATS wrote it
	var revision uint64
	var err error
	if c.revision > 0 {
		revision, err = c.bucket.Update(ctx, contract.KeyLeader, value, c.revision)
	} else {
		revision, err = c.bucket.Create(ctx, contract.KeyLeader, value)
	}
	if errors.Is(err, bus.ErrConflict) {
		revision, err = c.reclaim(ctx, value)
	}
	switch {
	case err == nil:
		c.revision = revision
		c.lead(start)
	case errors.Is(err, bus.ErrConflict):
		c.revision = 0
		c.follow()
	default: // NATS does not answer: lead on while the lease lasts
		if _, leads := c.Since(); !leads {
			c.follow()
		}
	}
}

// reclaim renews the lease in the way if it is our own, by a write whose answer was lost.
func (c *Candidate) reclaim(ctx context.Context, value []byte) (uint64, error) {
	entry, err := c.bucket.Get(ctx, contract.KeyLeader)
	if errors.Is(err, bus.ErrNotFound) {
		return 0, bus.ErrConflict
	}
	if err != nil {
		return 0, err
	}
	var holder contract.LeaseRecord
	if err := json.Unmarshal(entry.Value, &holder); err != nil || holder.ID != c.record.ID {
		return 0, bus.ErrConflict
	}
	return c.bucket.Update(ctx, contract.KeyLeader, value, entry.Revision)
}

func (c *Candidate) lead(start time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() || !time.Now().Before(c.until) {
		c.since = time.Now()
		c.log.Info("this replica leads now")
	}
	c.until = start.Add(c.ttl)
}

func (c *Candidate) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() {
		c.log.Warn("this replica does not lead any more")
	}
	c.since, c.until = time.Time{}, time.Time{}
}

// resign gives the lease back, so that another need not wait for its end, and says with it how far it has announced.
func (c *Candidate) resign(ctx context.Context) error {
	revision := c.revision
	c.revision = 0
	c.follow()
	if revision == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.ttl/3)
	defer cancel()
	value, err := c.lease()
	if err != nil {
		return err
	}
	if last, err := c.bucket.Update(ctx, contract.KeyLeader, value, revision); err == nil {
		revision = last
	}
	if _, err := c.bucket.Remove(ctx, contract.KeyLeader, revision); err != nil && !errors.Is(err, bus.ErrConflict) {
		c.log.Warn("the leader's lease was not given back; it ends by itself", "error", err)
	}
	return nil
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of buckets.
var (
	// ErrConflict is returned by Create, Update and Remove when somebody else changed the key first.
	ErrConflict = errors.New("the key was changed by somebody else")
	// ErrNotFound is returned by Get for a key that has no value.
	ErrNotFound = errors.New("no such key")
)

// tombstone is how long a removed key's marker stays, so that watchers which were away shortly learn of it. One that
// was away longer compares all keys when it comes back.
const tombstone = 2 * time.Minute

// BucketConfig says how a bucket is kept.
type BucketConfig struct {
	Name     string
	TTL      time.Duration // of every key since its last write; 0 = for ever
	Replicas int
}

// Bucket is a JetStream KV bucket whose keys are changed by compare-and-swap.
type Bucket struct {
	conn *Conn
	name string
	kv   jetstream.KeyValue
}

// Entry is a key at a revision. Revisions grow over the whole bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool // removed or expired; Value is empty
}

// OpenBucket makes the bucket if it is not there, and brings its configuration up to date.
func (c *Conn) OpenBucket(ctx context.Context, b BucketConfig) (*Bucket, error) {
	kv, err := c.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: b.Name, History: 1, TTL: b.TTL, LimitMarkerTTL: tombstone,
		Storage: jetstream.FileStorage, Replicas: max(b.Replicas, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", b.Name, unavailable(err))
	}
	return &Bucket{conn: c, name: b.Name, kv: kv}, nil
}

// BindBucket waits, until ctx ends, for a bucket that somebody else makes.
func (c *Conn) BindBucket(ctx context.Context, name string) (*Bucket, error) {
	for {
		kv, err := c.js.KeyValue(ctx, name)
		if err == nil {
			return &Bucket{conn: c, name: name, kv: kv}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("bind bucket %s: %w", name, unavailable(err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Get reads a key's newest value.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	e, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("get %s from %s: %w", key, b.name, unavailable(err))
	}
	return Entry{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

// Create writes a key that has no value, and gives its revision.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.kv.Create(ctx, key, value)
	return revision, b.written("create", key, err)
}

// Update writes a key whose revision is still `last`, and gives its new revision.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, last uint64) (uint64, error) {
	revision, err := b.kv.Update(ctx, key, value, last)
	return revision, b.written("update", key, err)
}

// Put writes a key whatever it holds.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.kv.Put(ctx, key, value)
	return revision, b.written("put", key, err)
}

// Remove removes a key whose revision is still `last`, and gives the revision of its removal. The marker of the
// removal goes by itself.
func (b *Bucket) Remove(ctx context.Context, key string, last uint64) (uint64, error) {
	m := &nats.Msg{Subject: "$KV." + b.name + "." + key, Header: nats.Header{
		"KV-Operation":                      {"PURGE"},
		jetstream.MsgRollup:                 {jetstream.MsgRollupSubject},
		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)},
	}}
	ack, err := b.conn.js.PublishMsg(ctx, m, jetstream.WithMsgTTL(tombstone))
	if err := b.written("remove", key, err); err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func (b *Bucket) written(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return ErrConflict
	}
	return fmt.Errorf("%s %s in %s: %w", verb, key, b.name, unavailable(err))
}

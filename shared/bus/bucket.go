package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors of buckets.
var (
	// ErrConflict is returned by Create, Update and Remove when somebody else changed the key first.
	ErrConflict = errors.New("the key was changed by somebody else")
	// ErrNotFound is returned by Get for a key that has no value.
	ErrNotFound = errors.New("no such key")
)

// BucketStream is the name of the stream that keeps a bucket (ADR-8 of NATS).
func BucketStream(bucket string) string { return "KV_" + bucket }

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
	conn      *Conn
	name      string
	kv        jetstream.KeyValue
	ackPrefix []byte // of the acknowledgement of a write
}

func newBucket(c *Conn, name string, kv jetstream.KeyValue) *Bucket {
	return &Bucket{conn: c, name: name, kv: kv, ackPrefix: fmt.Appendf(nil, `{"stream":"%s","seq":`, BucketStream(name))}
}

// Entry is a key at a revision. Revisions grow over the whole bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	At       time.Time // when it was written, as a watch tells it; the zero time for what went while the watch was away
	Deleted  bool      // removed or expired; Value is empty
}

// OpenBucket makes the bucket if it is not there, and brings its configuration up to date. It returns a settings.Fault for
// what can not be had here, and else ErrUnavailable.
func (c *Conn) OpenBucket(ctx context.Context, b BucketConfig) (*Bucket, error) {
	// NATS makes buckets that begin with revision 1. One that is made anew must not repeat those of one that was lost.
	err := c.createStream(ctx, jetstream.StreamConfig{
		Name: BucketStream(b.Name), Subjects: []string{"$KV." + b.Name + ".>"}, FirstSeq: epoch(time.Now()),
		MaxMsgsPerSubject: 1, MaxAge: b.TTL, Storage: jetstream.FileStorage, Replicas: max(b.Replicas, 1),
		AllowRollup: true, DenyDelete: true, AllowDirect: true, Discard: jetstream.DiscardNew,
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil, unopened("bucket "+b.Name, b.Replicas, err)
	}
	kv, err := c.js.UpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: b.Name, History: 1, TTL: b.TTL, LimitMarkerTTL: tombstone,
		Storage: jetstream.FileStorage, Replicas: max(b.Replicas, 1),
	})
	if err != nil {
		return nil, unopened("bucket "+b.Name, b.Replicas, err)
	}
	return newBucket(c, b.Name, kv), nil
}

// BindBucket waits, until ctx ends, for a bucket that somebody else makes.
func (c *Conn) BindBucket(ctx context.Context, name string) (*Bucket, error) {
	for {
		kv, err := c.js.KeyValue(ctx, name)
		if err == nil {
			return newBucket(c, name, kv), nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("bind bucket %s: %w", name, unavailable(err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Get reads a key's newest value from any replica, which may be behind; see Current.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	e, err := b.read(ctx, key)
	if err == nil && e.Deleted {
		return Entry{}, ErrNotFound
	}
	return e, err
}

// read reads the newest of a key, which may be the marker of its removal.
func (b *Bucket) read(ctx context.Context, key string) (Entry, error) {
	fail := func(err error) (Entry, error) {
		return Entry{}, fmt.Errorf("get %s from %s: %w", key, b.name, unavailable(err))
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	m, err := b.conn.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+BucketStream(b.name)+"."+b.subject(key), nil)
	if err != nil {
		return fail(err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
	case "404":
		return Entry{}, ErrNotFound
	default:
		return fail(fmt.Errorf("status %s %s", status, m.Header.Get("Description")))
	}
	revision, err := strconv.ParseUint(m.Header.Get(HeaderSequence), 10, 64)
	if err != nil {
		return fail(errors.New("a value without a revision"))
	}
	return Entry{Key: key, Value: m.Data, Revision: revision, Deleted: removes(m.Header)}, nil
}

// removes says whether a message with that header is the marker of a key's removal.
func removes(h Header) bool {
	return h.Get(headerOperation) != "" || h.Get(jetstream.MarkerReasonHeader) != ""
}

func (b *Bucket) subject(key string) string { return "$KV." + b.name + "." + key }

// limited bounds what waits for an answer, where its caller does not.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, is := ctx.Deadline(); is {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, publishTimeout)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// keepEvery is how often streams are looked for at least: when one is deleted, NATS says so once.
const keepEvery = 5 * time.Second

// keepRetry is when it is tried again what did not go.
const keepRetry = 500 * time.Millisecond

// streamAdvisory is what JetStream says of a stream, or of all (*): that it is CREATED, or DELETED.
func streamAdvisory(what, stream string) string {
	return "$JS.EVENT.ADVISORY.STREAM." + what + "." + stream
}

// ErrGone is returned by Conn.Has for streams that are not there. It is an ErrUnavailable: who keeps them makes them anew.
var ErrGone = fmt.Errorf("%w: a stream is gone", ErrUnavailable)

// Kept is the configuration of a log or of a bucket.
type Kept interface {
	stream() string
	open(ctx context.Context, c *Conn) error
}

func (l LogConfig) stream() string { return l.Name }

func (l LogConfig) open(ctx context.Context, c *Conn) error {
	_, err := c.OpenLog(ctx, l)
	return err
}

func (b BucketConfig) stream() string { return BucketStream(b.Name) }

func (b BucketConfig) open(ctx context.Context, c *Conn) error {
	_, err := c.OpenBucket(ctx, b)
	return err
}

// Open makes logs and buckets that are not there, and brings the others up to date, several at once.
func (c *Conn) Open(ctx context.Context, all ...Kept) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(openAtOnce)
	for _, k := range all {
		group.Go(func() error { return k.open(ctx, c) })
	}
	return group.Wait()
}

// openAtOnce is how many streams are made at once: a cluster elects a leader for each.
const openAtOnce = 4

// createAgain is when a stream is asked for again: an election takes 5 to 6 seconds.
const createAgain = 7 * time.Second

// createStream makes a stream that is not there, and asks again until ctx ends: a cluster leaves a request without an answer
// that came while it chose a leader.
func (c *Conn) createStream(ctx context.Context, config jetstream.StreamConfig) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, createAgain)
		_, err := c.js.CreateStream(attempt, config)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// Has says whether logs and buckets are there: nil, ErrGone, or another ErrUnavailable.
func (c *Conn) Has(ctx context.Context, all ...Kept) error {
	gone, err := c.gone(ctx, all)
	if err != nil || len(gone) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", ErrGone, gone[0].stream())
}

// gone gives those that are not there.
func (c *Conn) gone(ctx context.Context, all []Kept) (gone []Kept, err error) {
	there, err := c.Streams(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if !slices.Contains(there, k.stream()) {
			gone = append(gone, k)
		}
	}
	return gone, nil
}

// Streams are the names of all streams, those of buckets too.
func (c *Conn) Streams(ctx context.Context) (names []string, err error) {
	if !c.nc.IsConnected() {
		return nil, ErrUnavailable
	}
	list := c.js.StreamNames(ctx)
	for name := range list.Name() {
		names = append(names, name)
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list the streams: %w", unavailable(err))
	}
	return names, nil
}

// Keep makes logs and buckets anew that somebody removes, or that a NATS server has no more when it is back, until ctx ends.
// What was in them is lost.
func (c *Conn) Keep(ctx context.Context, all ...Kept) error {
	told := make(chan struct{}, 1)
	look := func() {
		select {
		case told <- struct{}{}:
		default:
		}
	}
	defer c.OnChange(func(bool) { look() })()
	deleted, err := c.nc.Subscribe(streamAdvisory("DELETED", "*"), func(*nats.Msg) { look() })
	if err != nil {
		return fmt.Errorf("keep streams: %w", unavailable(err))
	}
	defer deleted.Unsubscribe() //nolint:errcheck // the connection is gone then, and it with it
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		next := keepEvery
		select {
		case <-ctx.Done():
			return nil
		case <-told:
			next = keepRetry // it is told before it is done
		case <-wait.C:
		}
		err := c.keep(ctx, all)
		switch {
		case err == nil || ctx.Err() != nil:
			wait.Reset(next)
		case errors.Is(err, ErrUnavailable):
			wait.Reset(keepRetry)
		default:
			return err
		}
	}
}

func (c *Conn) keep(ctx context.Context, all []Kept) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	gone, err := c.gone(ctx, all)
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := k.open(ctx, c); err != nil {
			return err
		}
		c.log.Warn("a stream was gone, and all that was in it: it was made anew", "stream", k.stream())
	}
	return nil
}

package bus

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A page is what Each asks for at once, and what it holds in memory: so many messages, and little more than so many bytes.
const (
	pageSize  = 1000
	pageBytes = 512 << 10
)

// ID is the id under which the message was stored.
func (e *LogMessage) ID() string { return e.Header.Get(jetstream.MsgIDHeader) }

// Following is how many messages of its subject the log had behind this one when it was read from there.
func (e *LogMessage) Following() int {
	n, _ := strconv.Atoi(e.Header.Get(followingHeader)) //nolint:errcheck // a live copy does not say
	return n
}

// Each calls take with every message of a subject behind a sequence, in order, up to the newest that was acknowledged
// before the call, and maybe more. Where a replica answers that is behind, the rest is read when it has come. An error
// means that not all was read.
func (l *Log) Each(ctx context.Context, subject string, after uint64, take func(LogMessage) error) error {
	newest, err := l.newest(ctx, subject)
	for err == nil {
		var more bool
		if after, more, err = l.page(ctx, subject, after, take); err != nil || more {
			continue
		}
		if after >= newest {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("read %s of log %s up to %d: %w", subject, l.name, newest, unavailable(ctx.Err()))
		case <-time.After(barrierWait):
		}
		newest, err = l.newest(ctx, subject) // what was the newest may have been erased
	}
	return err
}

func (l *Log) page(ctx context.Context, subject string, after uint64, take func(LogMessage) error) (last uint64, more bool, err error) {
	entries, more, err := l.rangeOf(ctx, subject, after, pageSize, pageBytes)
	if err != nil {
		return after, more, err
	}
	for _, e := range entries {
		if err := take(e); err != nil {
			return after, more, err
		}
		after = e.Sequence
	}
	return after, more, nil
}

// newest is the sequence of the newest message of a subject; 0 if it has none, or if there is one replica only, which
// is never behind.
func (l *Log) newest(ctx context.Context, subject string) (uint64, error) {
	stream, err := l.stream(ctx)
	if err != nil || stream.CachedInfo().Config.Replicas < 2 {
		return 0, err
	}
	last, _, err := l.Tails(ctx, []string{subject})
	return last[subject], err
}

// Newest gives a sequence, not before another one, behind which at most so many messages of a subject lie: all that lie
// behind the other one, or at least half as many. It reads only a few messages for that.
func (l *Log) Newest(ctx context.Context, subject string, after uint64, most int) (uint64, error) {
	state, err := l.State(ctx)
	if err != nil {
		return 0, err
	}
	tooMany, few := after, max(after, state.Last)
	for at := after; ; at = tooMany + (few-tooMany)/2 {
		next, _, err := l.Range(ctx, subject, at, 1)
		if err != nil {
			return 0, err
		}
		count := len(next)
		if count > 0 {
			count += next[0].Following()
		}
		switch {
		case count > most:
			tooMany = at
		case count >= most/2 || at == after:
			return at, nil
		default:
			few = at
		}
		if few-tooMany < 2 {
			return few, nil
		}
	}
}

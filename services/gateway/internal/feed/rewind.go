package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Reading the past is limited, so that those who come back do not crowd out those who are here.
const (
	readers = 16   // at once; more wait
	recent  = 1000 // messages of a topic with too much, for a client that does not ask for everything
)

// reading does one of a limited number of reads.
func (f *Feed) reading(ctx context.Context, read func() error) error {
	select {
	case f.reads <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for others who read: %w", ctx.Err())
	}
	defer func() { <-f.reads }()
	return read()
}

// rewind reads what lies before a tape, for a client that missed it. Those who come for the same topic meanwhile wait, and
// find it read.
func (p *Past) rewind(ctx context.Context, t *tape) error {
	select {
	case t.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for others who read: %w", ctx.Err())
	}
	defer func() { <-t.reading }()
	if p.all {
		return p.readBefore(ctx, t, p.since, mostMissed-p.found)
	}
	err := p.readBefore(ctx, t, p.since, mostMissed)
	if !errors.Is(err, errTooMuch) {
		return err
	}
	newest, err := p.feed.messages.Newest(ctx, t.subject, p.since, recent)
	if err != nil {
		return err
	}
	return p.readBefore(ctx, t, newest, 2*recent) // some may have come meanwhile
}

// readBefore puts what lies between a sequence and the beginning of a tape on the tape, unless more than so many messages
// lie behind the sequence, or the client has lost its place.
func (p *Past) readBefore(ctx context.Context, t *tape, since uint64, most int) error {
	f := p.feed
	var from uint64
	if err := f.do(ctx, func() { from = t.from }); err != nil {
		return err
	}
	var past []recorded
	if from > since {
		read, bytes, err := f.readPast(ctx, t.subject, since, from, most)
		defer f.tapes.held.Add(-bytes)
		if err != nil {
			return err
		}
		past = read
	}
	fits := false
	err := f.do(ctx, func() {
		if fits = p.pinned && t.extend(since, past); fits {
			p.found += len(t.after(since))
		}
	})
	if err == nil && !fits {
		return errTooMuch
	}
	return err
}

// readPast reads what lies between two sequences. It stops when that is more than there may be messages behind the first,
// or more than there is room for. The bytes count as held until the caller takes them off.
func (f *Feed) readPast(ctx context.Context, subject string, since, upTo uint64, most int) (past []recorded, bytes int64, err error) {
	enough := errors.New("all of it is read")
	messages := 0
	take := func(m bus.LogMessage) error {
		if messages++; messages+m.Following() > most {
			return errTooMuch
		}
		if m.Sequence > upTo {
			return enough
		}
		m.Data = contract.OpenAudience(m.Header, m.Data)
		r := recorded{LogMessage: m, size: size(m)}
		past, bytes = append(past, r), bytes+int64(r.size)
		if f.tapes.held.Add(int64(r.size)); bytes > int64(f.tapes.share()) || f.tapes.full() && !f.freed(ctx) {
			return errTooMuch
		}
		return nil
	}
	err = f.reading(ctx, func() error { return f.messages.Each(ctx, subject, since, take) })
	f.observer.Read(messages, bytes)
	if errors.Is(err, enough) {
		err = nil
	}
	return past, bytes, err
}

// freed makes room for what is read by wiping what nobody uses.
func (f *Feed) freed(ctx context.Context) bool {
	return f.do(ctx, f.tapes.wipeUnused) == nil && !f.tapes.full()
}

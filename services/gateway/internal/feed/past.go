package feed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Reading the past is limited, so that those who come back do not crowd out those who are here.
const readers = 16 // at once; more wait

// Past is what lies between an offset and now in some topics, for one client. It is to be ended.
type Past struct {
	feed    *Feed
	entries []*subscription
	since   uint64
	began   bool   // Next has given something
	order   uint64 // of the last message that was there then
}

// PastMessage is a message of the past.
type PastMessage struct {
	Topic *hub.Topic
	bus.LogEntry
}

// Allows says whether a user, given as a token, gets the message.
func (m PastMessage) Allows(user string) bool { return ruleOf(m.Header).Allows(user) }

// UUID is that of the message, or of the one that is edited or removed; "" if it has none.
func (m PastMessage) UUID() string {
	return cmp.Or(m.Header.Get(contract.HeaderEdit), m.Header.Get(contract.HeaderDelete), contract.UUIDOfMessage(m.ID()))
}

// Past opens the past of topics, which are held by the caller, behind an offset: what the log still has of it.
func (f *Feed) Past(ctx context.Context, topics []*hub.Topic, since uint64) (*Past, error) {
	p := &Past{feed: f, since: since}
	missing, err := p.pin(ctx, topics)
	if err != nil {
		return nil, err
	}
	for _, e := range missing {
		if err := f.rewind(ctx, e, since); err != nil {
			p.End()
			return nil, fmt.Errorf("read what a client missed: %w", err)
		}
	}
	return p, nil
}

// Current calls join between two live messages, as Past.Next does, if nothing lies between an offset and now in the
// topics; it says whether that was so. mark is the offset from there on. For most who come that is all there is to do.
func (f *Feed) Current(ctx context.Context, topics []*hub.Topic, since uint64, join func(mark uint64)) (current bool, err error) {
	p := &Past{feed: f}
	err = f.do(ctx, func() {
		f.mu.RLock()
		for _, t := range topics {
			if e := f.topics[t.Subject]; e != nil && e.topic == t {
				p.entries = append(p.entries, e)
			}
		}
		f.mu.RUnlock()
		behind := func(e *subscription) bool { return e.cursor.newest() > since }
		if current = len(p.entries) == len(topics) && !slices.ContainsFunc(p.entries, behind); current {
			join(max(p.mark(), since))
		}
	})
	return current, err
}

// mostMissed is how many messages one client may have missed. Who missed more is better off with what the app knows.
const mostMissed = 20_000

// Reaches says whether the client can have everything behind the offset: the log had it, and it is not too much. If not,
// from is where it goes on instead. It is asked before Next. What was read is on the tapes, so the log's age takes
// nothing away any more.
func (p *Past) Reaches(ctx context.Context) (all bool, from uint64, err error) {
	state, err := p.feed.messages.State(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("ask how far the log reaches back: %w", err)
	}
	all = state.First <= p.since+1 && p.since <= state.Last
	p.since = min(max(p.since, state.First-1), state.Last)
	err = p.feed.do(ctx, func() {
		missed := 0
		for _, e := range p.entries {
			missed += len(e.tape.after(p.since))
		}
		if missed > mostMissed {
			all, p.since = false, p.mark()
		}
	})
	return all, p.since, err
}

// pin has the topics taped from now on, and gives those of which the log is to be read: what their tapes do not have.
func (p *Past) pin(ctx context.Context, topics []*hub.Topic) (missing []*subscription, err error) {
	f := p.feed
	err = f.do(ctx, func() {
		f.mu.RLock()
		defer f.mu.RUnlock()
		for _, t := range topics {
			e := f.topics[t.Subject]
			if e == nil || e.topic != t {
				continue // its subscription failed, and nobody is told of it here
			}
			if e.tape == nil {
				e.tape = newTape(e.cursor.reached())
				f.taped[e] = struct{}{}
			}
			e.tape.pins++
			p.entries = append(p.entries, e)
			switch {
			case e.tape.from <= p.since:
			case e.cursor.newest() <= p.since:
				e.tape.extend(p.since, nil)
			default:
				missing = append(missing, e)
			}
		}
	})
	return missing, err
}

// End lets the tapes go.
func (p *Past) End() {
	now := time.Now()
	p.feed.do(context.Background(), func() { //nolint:errcheck // the feed has ended then, and its tapes with it
		for _, e := range p.entries {
			e.tape.pins--
			e.tape.used = now
		}
	})
}

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

// rewind reads what lies between a sequence and the beginning of a topic's tape. Those who come for the same topic
// meanwhile wait, and find it read.
func (f *Feed) rewind(ctx context.Context, e *subscription, since uint64) error {
	select {
	case e.tape.reading <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for others who read: %w", ctx.Err())
	}
	defer func() { <-e.tape.reading }()
	var from uint64
	if err := f.do(ctx, func() { from = e.tape.from }); err != nil || from <= since {
		return err
	}
	f.observer.Read()
	var past []bus.LogEntry
	err := f.reading(ctx, func() error {
		return f.messages.Each(ctx, f.namespace.LogSubject(e.topic.Subject), since, func(m bus.LogEntry) error {
			m.Data = contract.OpenAudience(m.Header, m.Data)
			past = append(past, m)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return f.do(ctx, func() { e.tape.extend(since, past) })
}

// few is how many messages the last step may have: they are put in order between two live messages.
const few = 256

// Next gives what follows what it gave before, in the order of the log, or, when that is little and of at most so many
// bytes, hands it to join, and then gives joined. In join the client's member is to join the topics, by
// hub.Member.Apply: what is handed on afterwards reaches it there. join is called between two messages and must not
// block. mark is the offset that must not be passed.
func (p *Past) Next(ctx context.Context, most int, join func(rest []PastMessage, mark uint64)) (entries []PastMessage, mark uint64, joined bool, err error) {
	var found [][]recorded
	var order uint64
	err = p.feed.do(ctx, func() {
		count, bytes := 0, 0
		for _, e := range p.entries {
			some := e.tape.after(p.since)
			for i := len(some) - 1; i >= 0 && p.follows(some[i]); i-- {
				bytes += size(some[i].LogEntry)
				count++
			}
			found = append(found, some)
		}
		mark, order = p.mark(), p.feed.order
		if joined = count <= few && bytes <= most; joined {
			join(p.merge(found), mark)
		}
	})
	if err != nil || joined {
		return nil, mark, joined, err
	}
	entries = p.merge(found)
	p.began, p.order = true, order
	return entries, mark, false, nil
}

// mark is the offset of a client that has got all of the tapes: that of any client, or that up to which all of its own
// topics were handed on.
func (p *Past) mark() uint64 {
	least := uint64(math.MaxUint64)
	for _, e := range p.entries {
		least = min(least, e.cursor.reached())
	}
	if len(p.entries) == 0 {
		least = 0
	}
	return max(p.feed.Mark(), least)
}

// follows says whether a message came after those that were given before.
func (p *Past) follows(r recorded) bool { return !p.began || r.order > p.order }

func (p *Past) merge(found [][]recorded) []PastMessage {
	var entries []PastMessage
	for i, some := range found {
		for _, r := range some {
			if p.follows(r) {
				entries = append(entries, PastMessage{Topic: p.entries[i].topic, LogEntry: r.LogEntry})
			}
		}
	}
	slices.SortFunc(entries, func(a, b PastMessage) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return entries
}

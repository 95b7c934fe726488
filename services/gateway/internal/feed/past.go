package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Past is what lies between an offset and now in some topics, for one client. It is to be ended.
//
// What the client has not got yet is kept for it on the tapes, but not for ever: one that is slower than the tapes are
// long loses its place, and is told that it missed something.
type Past struct {
	feed    *Feed
	all     bool // it wants everything, or to be told
	since   uint64
	found   int           // messages behind since that are on the tapes
	tooMuch bool          // lies behind since
	lost    chan struct{} // closed when the client lost its place
	sent    atomic.Uint64 // the client has got everything up to this sequence of what Next gave

	// owned by Run
	places []place
	pinned bool   // to its tapes
	known  uint64 // everything of its topics up to here is on the tapes, or lies before since
	began  bool   // Next has given something
	order  uint64 // of the last message that there was then
}

// place is how far a client is in one of its topics.
type place struct {
	*subscription
	given uint64 // sequence of the newest message that there was when Next gave something
}

// PastMessage is a message of the past.
type PastMessage struct {
	Topic *hub.Topic
	bus.LogMessage
}

// Allows says whether a user, given as a token, gets the message.
func (m PastMessage) Allows(user string) bool { return ruleOf(m.Header).Allows(user) }

// UUID is that of the message, or of the one that is edited or removed; "" if it has none.
func (m PastMessage) UUID() string {
	return cmp.Or(m.Header.Get(contract.HeaderEdit), m.Header.Get(contract.HeaderDelete), contract.UUIDOfMessage(m.ID()))
}

// mostMissed is how many messages one client may have missed. Who missed more is better off with what the app knows.
const mostMissed = 20_000

// errTooMuch says that what a client missed is more than it may have, or than there is room for.
var errTooMuch = errors.New("too much was missed")

// Past opens the past of topics, which are held by the caller, behind an offset: what the log still has of it. If that is
// too much, nothing of it is there, and Reaches says so.
func (f *Feed) Past(ctx context.Context, topics []*hub.Topic, since uint64) (*Past, error) {
	return f.open(ctx, topics, &Past{feed: f, since: since, all: true})
}

// Recent opens the past for a client that does not ask for everything: of a topic with too much it has the newest.
func (f *Feed) Recent(ctx context.Context, topics []*hub.Topic, since uint64) (*Past, error) {
	return f.open(ctx, topics, &Past{feed: f, since: since})
}

func (f *Feed) open(ctx context.Context, topics []*hub.Topic, p *Past) (*Past, error) {
	missing, err := p.begin(ctx, topics)
	if err != nil {
		return nil, err
	}
	for _, t := range missing {
		err := p.rewind(ctx, t)
		if err != nil && !errors.Is(err, errTooMuch) {
			p.End()
			return nil, fmt.Errorf("read what a client missed: %w", err)
		}
		if err != nil && p.all {
			p.tooMuch = true
			break
		}
	}
	if err := p.survey(ctx); err != nil {
		p.End()
		return nil, fmt.Errorf("ask how far a client's topics have come: %w", err)
	}
	return p, nil
}

// survey looks how far the client's topics have come in the log, where that matters. A client that was at another gateway may be
// ahead of this one: copies of what it has are still on their way here, and it would get them again. And some of what it gets may
// lie behind the offset that it would be told, if one of its topics is quiet: a client that drops at once would get that again.
func (p *Past) survey(ctx context.Context) error {
	f := p.feed
	var subjects []string
	err := f.do(ctx, func() {
		mark := p.mark()
		ahead := func(s place) bool { return s.tape.upTo() > mark }
		if p.tooMuch || p.since <= mark && !slices.ContainsFunc(p.places, ahead) {
			return
		}
		for _, s := range p.places {
			subjects = append(subjects, s.tape.subject)
		}
	})
	if err != nil || len(subjects) == 0 {
		return err
	}
	tails, upTo, err := f.messages.Tails(ctx, subjects)
	if err != nil {
		return err
	}
	for until := time.Now().Add(copiesTake); time.Now().Before(until); {
		var lacks bool
		err := f.do(ctx, func() {
			lacks = slices.ContainsFunc(p.places, func(s place) bool { return s.cursor.filling || tails[s.tape.subject] > s.cursor.reached() })
			if !lacks && p.pinned {
				p.known = upTo
			}
		})
		if err != nil || !lacks {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // copies are lost: it is told what is sure
}

// begin has the topics taped from now on, and gives the tapes that do not reach back far enough.
func (p *Past) begin(ctx context.Context, topics []*hub.Topic) (missing []*tape, err error) {
	err = p.feed.do(ctx, func() {
		for _, s := range p.feed.subscriptionsOf(topics) {
			p.places = append(p.places, place{subscription: s})
		}
		p.pin(p.since)
		for _, s := range p.places {
			if s.cursor.newest() > p.since && s.tape.from > p.since {
				missing = append(missing, s.tape)
				continue
			}
			s.tape.from = min(s.tape.from, p.since)
			p.found += len(s.tape.after(p.since))
		}
	})
	return missing, err
}

// subscriptionsOf gives those of topics; one that failed has none, and nobody is told of it here.
func (f *Feed) subscriptionsOf(topics []*hub.Topic) []*subscription {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var all []*subscription
	for _, t := range topics {
		if s := f.topics[t.Subject]; s != nil && s.topic == t {
			all = append(all, s)
		}
	}
	return all
}

// Current calls join between two live messages, as Past.Next does, if nothing lies between an offset and now in the
// topics; it says whether that was so. mark is the offset from there on. For most who come that is all there is to do.
func (f *Feed) Current(ctx context.Context, topics []*hub.Topic, since uint64, join func(mark uint64)) (current bool, err error) {
	err = f.do(ctx, func() {
		all := f.subscriptionsOf(topics)
		behind := func(s *subscription) bool { return s.cursor.newest() > since }
		if current = len(all) == len(topics) && !slices.ContainsFunc(all, behind); current {
			join(max(f.markOf(all), since))
		}
	})
	return current, err
}

// Reaches says whether the client can have everything behind the offset: the log had it, and it is not too much. If not,
// from is where it goes on instead. It is asked before Next. What was read is on the tapes, so the log's age takes
// nothing away any more.
func (p *Past) Reaches(ctx context.Context) (all bool, from uint64, err error) {
	state, err := p.feed.messages.State(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("ask how far the log reaches back: %w", err)
	}
	err = p.feed.do(ctx, func() {
		all, from = state.First <= p.since+1 && p.since <= state.Last, min(max(p.since, state.First-1), state.Last)
		if !p.pinned || p.tooMuch || p.countBehind(from) > mostMissed {
			all, from = false, p.mark()
		}
		p.pin(from)
	})
	return all, from, err
}

// countBehind is how many messages lie behind an offset. Run calls it, and the following.
func (p *Past) countBehind(offset uint64) (count int) {
	for _, s := range p.places {
		count += len(s.tape.after(offset))
	}
	return count
}

// pin has what lies behind an offset kept on the tapes from now on.
func (p *Past) pin(since uint64) {
	p.since = since
	p.sent.Store(since)
	if p.pinned {
		return
	}
	p.pinned, p.lost = true, make(chan struct{})
	for i := range p.places {
		s := &p.places[i]
		s.given = math.MaxUint64
		if s.tape == nil {
			s.tape = p.feed.newTape(s.subscription)
		}
		s.tape.readers[p] = i
	}
}

func (f *Feed) newTape(s *subscription) *tape {
	f.tapes.of[s] = struct{}{}
	return newTape(f.namespace.LogSubject(s.topic.Subject), s.cursor.reached(), f.tapes.share(), &f.tapes.held)
}

// unpin lets the tapes go.
func (p *Past) unpin() {
	if !p.pinned {
		return
	}
	p.pinned = false
	now := time.Now()
	for _, s := range p.places {
		delete(s.tape.readers, p)
		s.tape.used = now
	}
}

// reached is how far the client has come in one of its topics.
func (p *Past) reached(at int) uint64 { return min(p.sent.Load(), p.places[at].given) }

// cutOff takes its place from a client: something that it has not got is not there any more.
func (p *Past) cutOff() {
	p.unpin()
	close(p.lost)
	p.feed.observer.CutOff()
}

// End lets the tapes go.
func (p *Past) End() {
	p.feed.do(context.Background(), p.unpin) //nolint:errcheck // the feed has ended then, and its tapes with it
}

// Sent says that the client has got everything up to an offset of what Next gave.
func (p *Past) Sent(upTo uint64) { p.sent.Store(upTo) }

// Lost is closed when the client has lost its place: what Next gave before is not to be held any longer, and Next says
// that something is missing.
func (p *Past) Lost() <-chan struct{} { return p.lost }

const (
	few    = 256 // messages that the last part may have: they are put in order between two live messages
	around = 256 // bytes that a message takes beside its body, at most about
)

// Part is a part of the past.
type Part struct {
	Messages []PastMessage // in the order of the log
	Mark     uint64        // the offset that must not be passed
	Missed   bool          // the client lost its place: something is missing before the mark
}

// Next gives what follows what it gave before, or, when that is little and of at most so many bytes, hands it to join,
// and then gives joined. In join the client's member is to join the topics, by hub.Member.Apply: what is handed on
// afterwards reaches it there. join is called between two messages and must not block.
func (p *Past) Next(ctx context.Context, most int, join func(Part)) (part Part, joined bool, err error) {
	var found [][]recorded
	err = p.feed.do(ctx, func() {
		part.Mark, part.Missed = p.mark(), !p.pinned
		if p.pinned {
			found = p.ahead()
		}
		if joined = !p.pinned || isLittle(found, most); joined {
			part.Messages = p.merge(found)
			join(part)
			return
		}
		p.began, p.order = true, p.feed.tapes.order
		for i := range p.places {
			p.places[i].given = p.places[i].tape.upTo()
		}
	})
	if err == nil && !joined {
		part.Messages = p.merge(found)
	}
	return part, joined, err
}

// ahead gives of each topic what Next has not given.
func (p *Past) ahead() [][]recorded {
	found := make([][]recorded, len(p.places))
	for i, s := range p.places {
		found[i] = s.tape.after(p.since)
		if p.began {
			at, _ := slices.BinarySearchFunc(found[i], p.order+1, func(r recorded, order uint64) int { return cmp.Compare(r.order, order) })
			found[i] = found[i][at:]
		}
	}
	return found
}

// isLittle says whether there are few messages, and of at most so many bytes.
func isLittle(found [][]recorded, most int) bool {
	count, bytes := 0, 0
	for _, some := range found {
		if count += len(some); count > few {
			return false
		}
		for _, r := range some {
			bytes += len(r.Data) + around
		}
	}
	return bytes <= most
}

// mark is the offset of a client that has got all of the tapes: that of any client, or that up to which all of its own
// topics were handed on.
func (p *Past) mark() uint64 {
	all := make([]*subscription, len(p.places))
	for i, s := range p.places {
		all[i] = s.subscription
	}
	return max(p.known, p.feed.markOf(all))
}

// merge puts messages in the order of the log.
func (p *Past) merge(found [][]recorded) []PastMessage {
	var messages []PastMessage
	for i, some := range found {
		for _, r := range some {
			messages = append(messages, PastMessage{Topic: p.places[i].topic, LogMessage: r.LogMessage})
		}
	}
	slices.SortFunc(messages, func(a, b PastMessage) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return messages
}

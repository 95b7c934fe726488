// Package resume hands a client over from the past, which it missed, to what comes live.
//
//	log ──► what it missed, as fast as it reads ──► the last of it, and joins ──► live
//
// It promises that a client gets every message behind its offset once and in order, also what is published meanwhile, and
// nothing that was not for it. One that reads so slowly that the past is not there any more is told so, between two
// messages, and goes on with what is live. It knows neither NATS nor sockets.
//
// A hand-over is of all that the client is, or of one namespace beside others, which go on: then the topics are joined, and
// the last of what was missed opens the namespace.
package resume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
)

const (
	maxStep = 128 << 10             // bytes sent at a time
	pause   = 20 * time.Millisecond // between two looks whether the client has read what it got
	around  = 64                    // bytes that a message takes beside its body, about
)

// Past is where the messages come from that a client missed.
type Past interface {
	Next(ctx context.Context, most int, join func(feed.Part)) (part feed.Part, joined bool, err error)
	Sent(upTo uint64)
	Lost() <-chan struct{}
}

// Member is who gets them.
type Member interface {
	Apply(c hub.Change, done chan<- error)
	Change(ctx context.Context, c hub.Change) error
	Waiting(ctx context.Context) (int, error)
}

// Config is what a hand-over works with.
type Config struct {
	Past   Past
	Member Member
	User   string       // token of the client's user
	Since  uint64       // the client's offset
	Told   int          // of the message right behind it, the events that the client has been told
	Topics []*hub.Topic // to join; the first one is that of the user's private messages
	Limits Limits
	Room   int // bytes that may wait for the client
	Missed hub.Missed
	Moved  bool             // the client was not away: what it missed is as what is live
	In     frame.Namespaces // that is handed over, beside others; 0: all of the client
	Left   <-chan struct{}  // closed when the client leaves the namespace
}

// Handover is one client's way from the past to what is live.
type Handover struct {
	// set at construction
	config Config
	most   int // bytes sent at a time

	// used by Begin and then by Finish
	rest []owed
	came uint64 // how far the client has come

	mu     sync.Mutex
	topics map[*hub.Topic]struct{} // to join; guarded by mu
	lacks  bool                    // what came in a topic that is none of these; guarded by mu
}

// New makes a hand-over.
func New(c Config) *Handover {
	h := &Handover{config: c, most: min(maxStep, c.Room/4), came: c.Since, topics: make(map[*hub.Topic]struct{}, len(c.Topics))}
	for _, t := range c.Topics {
		h.topics[t] = struct{}{}
	}
	return h
}

// Leave takes topics out: the client is not to join them any more.
func (h *Handover) Leave(topics []*hub.Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range topics {
		delete(h.topics, t)
	}
}

// Join says that the member joins more topics. A namespace that is not open yet misses what comes there, and is told so.
func (h *Handover) Join(topics []*hub.Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lacks = h.lacks || h.config.In != 0 && len(topics) > 0
}

// Begin sends what comes before everything else, and, if it is little, all that was missed. done says that the client is
// live; or else Finish is to be called.
func (h *Handover) Begin(ctx context.Context, first hub.Change) (done bool, err error) {
	if done, err = h.next(ctx, first); done || err != nil {
		return done, err
	}
	if err := h.config.Member.Change(ctx, h.place(first, h.config.Since, true)); err != nil {
		return false, fmt.Errorf("begin with what was missed: %w", err)
	}
	return false, nil
}

// next joins the topics with the last of what was missed, or gets more of it to send.
func (h *Handover) next(ctx context.Context, with hub.Change) (joined bool, err error) {
	in := make(chan error, 1)
	part, joined, err := h.config.Past.Next(ctx, h.most, func(last feed.Part) {
		h.mu.Lock()
		defer h.mu.Unlock()
		at := max(last.Mark, h.config.Since)
		if last.Missed || h.lacks {
			with.Packets = append(with.Packets, h.config.Missed(h.came, at)...)
		} else {
			with.Past = ready(h.owed(last))
		}
		h.config.Member.Apply(h.live(h.place(with, at, false)), in)
	})
	if err != nil {
		return false, fmt.Errorf("read what was missed: %w", err)
	}
	if !joined {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rest = h.owed(part)
		return false, nil
	}
	select {
	case err := <-in:
		return err == nil, err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// place says how far the client has come with a change, or the namespace alone: what the others have got stays as it is.
func (h *Handover) place(c hub.Change, at uint64, behind bool) hub.Change {
	c.In, c.Left = h.config.In, h.config.Left
	if h.config.In == 0 {
		c.Offset, c.Behind = at, behind
	}
	return c
}

// live has the client, or the namespace, get what comes from the change on. mu is held.
func (h *Handover) live(c hub.Change) hub.Change {
	c.Open |= h.config.In
	if h.config.In == 0 {
		c.Join = slices.Collect(maps.Keys(h.topics))
	}
	return c
}

// Finish sends the rest as fast as the client reads, and returns when it is live.
func (h *Handover) Finish(ctx context.Context) error {
	for {
		if err := h.sendRest(ctx); err != nil {
			return err
		}
		if done, err := h.next(ctx, hub.Change{}); done || err != nil {
			return err
		}
	}
}

// sendRest sends what was read of the past. If the client loses its place, it gets no more of that.
func (h *Handover) sendRest(ctx context.Context) error {
	for len(h.rest) > 0 {
		h.config.Past.Sent(max(h.rest[0].Offset, 1) - 1)
		some, size := h.first()
		if err := h.awaitRoom(ctx, size); err != nil {
			h.rest = nil
			if errors.Is(err, errLost) {
				return nil
			}
			return err
		}
		came := some[len(some)-1].Offset
		if err := h.config.Member.Change(ctx, h.place(hub.Change{Past: ready(some)}, came, true)); err != nil {
			return fmt.Errorf("send what was missed: %w", err)
		}
		clear(some) // what was sent may go
		h.rest, h.came = h.rest[len(some):], max(h.came, came)
	}
	return nil
}

// first gives what is sent at once of the rest: as much as may be, but one message at least.
func (h *Handover) first() (some []owed, size int) {
	n := 0
	for n < len(h.rest) {
		next := h.rest[n].size()
		if n > 0 && size+next > h.most {
			break
		}
		size += next
		n++
	}
	return h.rest[:n], size
}

// errLost says that the client has lost its place in the past.
var errLost = errors.New("the client lost its place")

// awaitRoom returns when so many bytes may be sent, or nothing waits for the client. One that reads nothing is closed by
// its shard, one that takes too long by whoever lets ctx end.
func (h *Handover) awaitRoom(ctx context.Context, size int) error {
	for {
		waiting, err := h.config.Member.Waiting(ctx)
		if err != nil {
			return fmt.Errorf("wait for the client: %w", err)
		}
		if waiting == 0 || waiting+size <= h.config.Room/2 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-h.config.Past.Lost():
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

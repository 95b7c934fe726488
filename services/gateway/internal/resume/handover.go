// Package resume hands a client over from the past, which it missed, to what comes live.
//
//	log ──► what it missed, as fast as it reads ──► the last of it, and joins ──► live
//
// It promises that a client gets every message behind its offset once and in order, also what is published meanwhile, and
// nothing that was not for it. One that reads so slowly that the past is not there any more is told so, between two
// messages, and goes on with what is live. It knows neither NATS nor sockets.
package resume

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
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
	Topics []*hub.Topic // to join; the first one is that of the user's private messages
	Limits Limits
	Room   int // bytes that may wait for the client
	Missed hub.Missed
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

// Begin sends what comes before everything else, and, if it is little, all that was missed. done says that the client is
// live; or else Finish is to be called.
func (h *Handover) Begin(ctx context.Context, first hub.Change) (done bool, err error) {
	if done, err = h.next(ctx, first); done || err != nil {
		return done, err
	}
	first.Offset, first.Behind = h.config.Since, true
	if err := h.config.Member.Change(ctx, first); err != nil {
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
		with.Past, with.Offset = ready(h.owed(last)), max(last.Mark, h.config.Since)
		if last.Missed {
			with.Packets = append(with.Packets, h.config.Missed(h.came, with.Offset)...)
		}
		for t := range h.topics {
			with.Join = append(with.Join, t)
		}
		h.config.Member.Apply(with, in)
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
		if err := h.config.Member.Change(ctx, hub.Change{Past: ready(some), Offset: came, Behind: true}); err != nil {
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

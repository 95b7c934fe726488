// Package resume hands a client over from the past, which it missed, to what comes live.
//
//	log ──► what it missed, as fast as it reads ──► the last of it, and joins ──► live
//
// It promises that a client gets every message behind its offset once and in order, also what is published meanwhile, and
// nothing that was not for it. It knows neither NATS nor sockets.
package resume

import (
	"context"
	"fmt"
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
	Next(ctx context.Context, most int, join func(rest []feed.PastMessage, mark uint64)) (entries []feed.PastMessage, mark uint64, joined bool, err error)
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
}

// Handover is one client's way from the past to what is live.
type Handover struct {
	// set at construction
	config Config
	step   int

	rest []frame.Message // not sent yet; used by Begin and then by Finish

	mu     sync.Mutex
	topics map[*hub.Topic]struct{} // to join; guarded by mu
}

// New makes a hand-over.
func New(c Config) *Handover {
	h := &Handover{config: c, step: min(maxStep, c.Room/4), topics: make(map[*hub.Topic]struct{}, len(c.Topics))}
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
	entries, mark, joined, err := h.config.Past.Next(ctx, h.step, func(last []feed.PastMessage, mark uint64) {
		h.mu.Lock()
		defer h.mu.Unlock()
		with.Past, with.Offset = h.messages(last, mark), max(mark, h.config.Since)
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
		h.rest = h.messages(entries, mark)
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
		for len(h.rest) > 0 {
			some, size := h.take()
			if err := h.awaitRoom(ctx, size); err != nil {
				return err
			}
			change := hub.Change{Past: some, Offset: some[len(some)-1].Offset, Behind: true}
			if err := h.config.Member.Change(ctx, change); err != nil {
				return fmt.Errorf("send what was missed: %w", err)
			}
		}
		if done, err := h.next(ctx, hub.Change{}); done || err != nil {
			return err
		}
	}
}

// take takes what is sent at once off the rest: a step, but one message at least.
func (h *Handover) take() (some []frame.Message, size int) {
	n := 0
	for n < len(h.rest) {
		next := len(h.rest[n].Body) + around
		if n > 0 && size+next > h.step {
			break
		}
		size += next
		n++
	}
	some, h.rest = h.rest[:n], h.rest[n:]
	return some, size
}

// awaitRoom returns when so many bytes may be sent, or nothing waits for the client. One that reads nothing is closed by
// its shard.
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
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

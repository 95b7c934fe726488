package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

const (
	againAfter = 50 * time.Millisecond // between two attempts
	lostAfter  = 2 * time.Second       // a notice that a leader of the log took with it when it went is not answered at all
)

// Sender sends notices.
type Sender struct {
	Conn      *bus.Conn
	Log       *bus.Log
	Namespace contract.Namespace
	Logger    *slog.Logger
}

// Send returns when all is stored, or when ctx ends. What a log without a leader refuses is sent again. A notice that is
// too large for NATS is left out.
func (s *Sender) Send(ctx context.Context, notices []Notice) error {
	for {
		refused, err := s.attempt(ctx, notices)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("send notices: %w", err)
		case <-time.After(againAfter):
		}
		notices = refused
	}
}

// attempt gives those that were refused, and why the last one was.
func (s *Sender) attempt(ctx context.Context, notices []Notice) (refused []Notice, failed error) {
	var direct, stored []Notice
	var pending []*bus.Pending
	for _, n := range notices {
		p, err := s.send(n)
		switch {
		case errors.Is(err, bus.ErrTooLarge):
			s.Logger.Error("a notice is too large for NATS and is left out", "bytes", len(n.Body))
		case err != nil:
			refused, failed = append(refused, n), err
		case p == nil:
			direct = append(direct, n)
		default:
			stored, pending = append(stored, n), append(pending, p)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lostAfter)
	defer cancel()
	for i, p := range pending {
		if _, err := p.Wait(ctx); err != nil {
			refused, failed = append(refused, stored[i]), err
		}
	}
	if len(direct) > 0 {
		if err := s.Conn.Flush(ctx); err != nil {
			refused, failed = append(refused, direct...), err
		}
	}
	return refused, failed
}

// send gives nil for a notice that is not stored.
func (s *Sender) send(n Notice) (*bus.Pending, error) {
	live := s.Namespace.LiveChannel(n.Channel)
	if n.Fleeting {
		return nil, s.Conn.Publish(live, header(n), n.Body)
	}
	return s.Log.Store(s.Namespace.LogSubject(live), contract.ChannelMessageID(n.UUID, n.Channel), header(n), n.Body)
}

func header(n Notice) bus.Header {
	if n.Exclude == "" {
		return nil
	}
	return bus.Header{contract.HeaderExclude: {contract.JoinTokens([]string{n.Exclude})}}
}

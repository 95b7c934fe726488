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

const againAfter = 50 * time.Millisecond // between two attempts

// Sender sends notices.
type Sender struct {
	Conn      *bus.Conn
	Log       *bus.Log
	Namespace contract.Namespace
	Logger    *slog.Logger
}

// Send sends notices in their order, and returns when all are stored, or when ctx ends; then with the number of those, from
// the first on, that are. A notice that is too large for NATS is left out.
func (s *Sender) Send(ctx context.Context, notices []Notice) (sent int, err error) {
	list := make([]bus.Outgoing, len(notices))
	for i, n := range notices {
		list[i] = s.outgoing(n)
	}
	for sent < len(list) {
		done, err := s.Conn.SendInOrder(list[sent:]).Wait(ctx)
		sent += done
		switch {
		case err == nil:
		case errors.Is(err, bus.ErrTooLarge):
			s.Logger.Error("a notice is too large for NATS and is left out", "bytes", len(notices[sent].Body))
			sent++
		case pause(ctx) != nil:
			return sent, fmt.Errorf("send notices: %w", err)
		}
	}
	return sent, nil
}

// pause waits a moment before what NATS refuses is sent again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(againAfter):
		return nil
	}
}

func (s *Sender) outgoing(n Notice) bus.Outgoing {
	live := s.Namespace.LiveChannel(n.Channel)
	if n.Fleeting {
		return bus.Outgoing{Subject: live, Header: header(n), Data: n.Body}
	}
	return bus.Outgoing{
		Log: s.Log, Subject: s.Namespace.LogSubject(live), ID: contract.ChannelMessageID(n.UUID, n.Channel), Header: header(n), Data: n.Body,
	}
}

func header(n Notice) bus.Header {
	h := bus.Header{}
	if n.Exclude != "" {
		h.Set(contract.HeaderExclude, contract.JoinTokens([]string{n.Exclude}))
	}
	if n.Events != "" {
		h.Set(contract.HeaderEvents, n.Events)
	}
	return h
}

package session

import (
	"context"
	"errors"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/resume"
	"github.com/channelstream/channelstream/shared/contract"
)

// past opens what the client missed: all of it if the client or its last gateway said where it stopped, or else the newest.
func (s *Session) past(ctx context.Context, e Entrance, topics []*hub.Topic) (*feed.Past, Outcome, resume.Limits, error) {
	since, open, limits := s.offset, s.book.feed.Recent, catchUp
	if e.Since != nil {
		since = *e.Since
	}
	all := e.Since != nil || s.exact
	if all {
		open, limits = s.book.feed.Past, resume.Limits{}
	}
	past, err := open(ctx, topics, since)
	if err != nil {
		return nil, Outcome{}, limits, err
	}
	outcome := Outcome{Since: since, Offset: since}
	if all {
		if err = outcome.reach(ctx, past); err != nil {
			past.End()
			return nil, Outcome{}, limits, err
		}
	}
	outcome.Resumed = e.Since != nil && !outcome.Missed
	return past, outcome, limits, nil
}

// handOver is how a client gets what it missed.
func (s *Session) handOver(e Entrance, past *feed.Past, o Outcome, topics []*hub.Topic) resume.Config {
	c := resume.Config{
		Past: past, Member: s.member, User: contract.EncodeToken(s.User), Since: o.Offset, Topics: topics,
		Room: s.book.room, Missed: e.Missed, Moved: e.Moved,
	}
	if o.Resumed {
		c.Told = e.Told
	}
	return c
}

// begin sends what comes before everything else, and what the client missed: at once if that is little, or else rest does the rest.
func (s *Session) begin(ctx context.Context, h *resume.Handover, past *feed.Past, first hub.Change) (rest func(), err error) {
	done, err := h.Begin(ctx, first)
	if done || err != nil {
		s.handedOver()
		past.End()
		return nil, err
	}
	all, stop := context.WithTimeout(context.Background(), s.book.resumeIn)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handover, s.stop = h, stop
	return func() {
		defer stop()
		s.finish(all, h, past)
	}, nil
}

// finish sends what the client missed, as fast as it reads, and returns when it has that, took too long, or is gone.
func (s *Session) finish(ctx context.Context, h *resume.Handover, past *feed.Past) {
	defer past.End()
	defer s.handedOver()
	switch err := h.Finish(ctx); {
	case err == nil || errors.Is(err, hub.ErrClosed) || errors.Is(err, hub.ErrLeft):
	case errors.Is(err, context.Canceled): // it is to begin again
	case errors.Is(err, context.DeadlineExceeded):
		s.member.Close(contract.ReasonSlowConsumer)
	default: // the feed has ended
		s.member.Close(contract.ReasonShuttingDown)
	}
}

// handedOver notes that a hand-over has ended.
func (s *Session) handedOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handover, s.stop = nil, nil
}

// stopHandover has the hand-over end in whose midst the client is.
func (s *Session) stopHandover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

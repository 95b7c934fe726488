package gateway

import (
	"context"
	"time"
)

// Presence and a gateway may come to differ on what the gateway holds: an order was lost while NATS was away, or the gateway
// was paused for longer than its lease and its connections were taken for gone. So after a reconnect, and after a lease
// that lapsed, the gateway says what it holds, and does what presence has otherwise.

// again is when, after that, it asks once more: the replica that answered may not have heard of everything itself. It is
// long enough for presence to have come into step.
const again = 5 * time.Second

// retryCompare is when it asks again if presence did not answer.
const retryCompare = time.Second

// doubtSessions has the sessions compared soon. It does not block.
func (s *Service) doubtSessions() {
	select {
	case s.doubts <- struct{}{}:
	default:
	}
}

// keepAgreement compares the sessions with what presence has whenever they are in doubt, until ctx ends.
func (s *Service) keepAgreement(ctx context.Context) error {
	next := time.NewTimer(0)
	next.Stop()
	defer next.Stop()
	for {
		once := false
		select {
		case <-ctx.Done():
			return nil
		case <-s.doubts:
		case <-next.C:
			once = true
		}
		n, err := s.book.Compare(ctx)
		s.observer.Differences(n)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Warn("the sessions could not be compared with what presence has; trying again", "error", err)
			next.Reset(retryCompare)
		case n > 0:
			s.log.Info("presence had some sessions otherwise; what it has is in force", "sessions", n)
			next.Reset(again)
		case !once:
			next.Reset(again)
		}
	}
}

// begin returns when presence was told to be gone what it has at this gateway of an earlier life under its name, or ctx ends.
func (s *Service) begin(ctx context.Context) {
	if s.config.Settings.NATS.GatewayID == "" {
		return // nobody had the name
	}
	for {
		_, err := s.book.DropStrangers(ctx)
		if err == nil {
			return
		}
		s.log.Debug("presence does not say what it has here of an earlier life; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(firstLease):
		}
	}
}

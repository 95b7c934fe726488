package presence

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// orderAttempts is how often a connection is followed that moves from gateway to gateway meanwhile.
const orderAttempts = 3

// orderMembership returns when the socket of a connection has the channels of its record: true; or when its gateway has not
// said so in time. A gateway that does not hold the session has lost it, unless the record says that it moved on.
func (s *Service) orderMembership(ctx context.Context, c *contract.ConnectionRecord, revision uint64) (inForce bool) {
	for range orderAttempts {
		if c == nil || c.State != contract.Attached {
			return true
		}
		order := contract.MembershipOrder{
			ConnID: c.ConnID, Session: c.Session,
			Membership: contract.Membership{Revision: revision, Channels: list(c.Channels)},
		}
		answer, err := s.order(ctx, c.Gateway, contract.VerbMembership, order)
		if answer.Held {
			return true
		}
		now, at, freshErr := s.ledger.Connections.Fresh(ctx, c.ConnID)
		if freshErr != nil || ledger.Holds(now, c.Gateway, c.Session) {
			return err == nil && freshErr == nil
		}
		c, revision = now, at
	}
	return false
}

// orderClose returns when the socket of a connection was told to close, or is not held any more.
func (s *Service) orderClose(ctx context.Context, c *contract.ConnectionRecord, reason contract.Reason) (contract.GatewayAnswer, error) {
	return s.order(ctx, c.Gateway, contract.VerbClose, contract.CloseOrder{ConnID: c.ConnID, Session: c.Session, Reason: reason})
}

// order gives what a gateway says to an order about a session, or that it did not answer. It leaves half of the request's time.
func (s *Service) order(ctx context.Context, gateway, verb string, order any) (contract.GatewayAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout/2)
	defer cancel()
	answer, err := bus.Call[contract.GatewayAnswer](ctx, s.config.Conn, s.config.Namespace.Gateway(gateway, verb), order)
	if err != nil && s.silent.begins(gateway, time.Now()) { // or else a line for each client of a dead one that comes back
		s.log.DebugContext(ctx, "a gateway does not take orders", "gateway", gateway, "verb", verb, "error", err)
	}
	return answer, err
}

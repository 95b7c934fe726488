package presence

import (
	"context"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// orderAttempts is how often a connection is followed that moves from gateway to gateway meanwhile.
const orderAttempts = 3

// orderMembership returns when the socket of a connection has the channels of its record. A gateway that does not hold
// the session, or does not answer, is believed to have lost it, unless the record says that it moved on.
func (s *Service) orderMembership(ctx context.Context, c *contract.ConnectionRecord, revision uint64) {
	for range orderAttempts {
		if c == nil || c.State != contract.Attached {
			return
		}
		order := contract.MembershipOrder{
			ConnID: c.ConnID, Session: c.Session,
			Membership: contract.Membership{Revision: revision, Channels: list(c.Channels)},
		}
		if s.order(ctx, c.Gateway, contract.VerbMembership, order) {
			return
		}
		now, at, err := s.ledger.Connections.Fresh(ctx, c.ConnID)
		if err != nil || ledger.Holds(now, c.Gateway, c.Session) {
			return
		}
		c, revision = now, at
	}
}

// orderClose returns when the socket of a connection was told to close, or false when it is believed to be gone.
func (s *Service) orderClose(ctx context.Context, c *contract.ConnectionRecord, reason contract.Reason) bool {
	return s.order(ctx, c.Gateway, contract.VerbClose, contract.CloseOrder{ConnID: c.ConnID, Session: c.Session, Reason: reason})
}

// order says whether a gateway took an order for a session that it holds. It leaves half of the request's time.
func (s *Service) order(ctx context.Context, gateway, verb string, order any) bool {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout/2)
	defer cancel()
	answer, err := bus.Call[contract.GatewayAnswer](ctx, s.config.Conn, s.config.Namespace.Gateway(gateway, verb), order)
	if err != nil {
		s.log.Warn("a gateway did not take an order", "gateway", gateway, "verb", verb, "error", err)
	}
	return err == nil && answer.Held
}

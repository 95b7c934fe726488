package presence

import (
	"context"
	"maps"
	"sync"
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
		held, err := s.order(ctx, c.Gateway, contract.VerbMembership, order)
		if held {
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

// orderClose returns when the socket of a connection was told to close, or is not held any more: held is false then.
func (s *Service) orderClose(ctx context.Context, c *contract.ConnectionRecord, reason contract.Reason) (held bool, err error) {
	return s.order(ctx, c.Gateway, contract.VerbClose, contract.CloseOrder{ConnID: c.ConnID, Session: c.Session, Reason: reason})
}

// order says whether a gateway took an order for a session that it holds, or that it did not answer. It leaves half of the
// request's time.
func (s *Service) order(ctx context.Context, gateway, verb string, order any) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout/2)
	defer cancel()
	answer, err := bus.Call[contract.GatewayAnswer](ctx, s.config.Conn, s.config.Namespace.Gateway(gateway, verb), order)
	if err != nil && s.silent.begins(gateway, time.Now()) {
		s.log.Debug("a gateway does not take orders", "gateway", gateway, "verb", verb, "error", err)
	}
	return answer.Held, err
}

// silent are gateways that do not answer: when one dies there is an order to it for each client that comes back elsewhere. It
// is safe for use by many goroutines.
type silent struct {
	mu   sync.Mutex
	said map[string]time.Time // by gateway, when the log was told; guarded by mu
}

// sayAgain is when the log is told again of a gateway that does not answer.
const sayAgain = time.Minute

// begins says whether the log is to be told of a gateway now.
func (s *silent) begins(gateway string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.said, func(_ string, at time.Time) bool { return now.Sub(at) >= sayAgain })
	if _, is := s.said[gateway]; is {
		return false
	}
	s.said[gateway] = now
	return true
}

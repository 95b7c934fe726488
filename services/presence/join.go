package presence

import (
	"context"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/contract"
)

// join adds those of the channels that the connection's user may join. What the user may is read from the bucket, so
// that a permission which was withdrawn does not work any more anywhere.
func (s *Service) join(ctx context.Context, q contract.JoinRequest) (contract.ChannelsAnswer, error) {
	c, err := s.held(ctx, q)
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	user, _, err := s.ledger.Users.Fresh(ctx, c.User)
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	var may []string
	if user != nil {
		may = within(q.Channels, user.Allowed)
	}
	outcome, err := s.changeHeld(ctx, q, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return s.addChannels(c, may)
	})
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	return contract.ChannelsAnswer{Membership: membership(outcome), Named: within(q.Channels, outcome.After.Channels)}, nil
}

// leave takes channels from the connection. Its user may still join them again.
func (s *Service) leave(ctx context.Context, q contract.LeaveRequest) (contract.ChannelsAnswer, error) {
	outcome, err := s.changeHeld(ctx, contract.JoinRequest(q), func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return dropChannels(c, q.Channels), nil
	})
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	return contract.ChannelsAnswer{
		Membership: membership(outcome), Named: list(without(outcome.Before.Channels, outcome.After.Channels)),
	}, nil
}

// held gives the connection that the asking session holds. Whether it still does is decided when it is changed.
func (s *Service) held(ctx context.Context, q contract.JoinRequest) (*contract.ConnectionRecord, error) {
	if err := need("conn_id", q.ConnID); err != nil {
		return nil, err
	}
	if c := s.ledger.Connections.Cached(q.ConnID); ledger.Holds(c, q.Gateway, q.Session) {
		return c, nil
	}
	outcome, err := s.changeHeld(ctx, q, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) { return c, nil })
	return outcome.After, err
}

// changeHeld changes a connection on behalf of the session that holds it.
func (s *Service) changeHeld(ctx context.Context, q contract.JoinRequest,
	change ledger.Change[contract.ConnectionRecord],
) (ledger.Outcome[contract.ConnectionRecord], error) {
	if err := need("conn_id", q.ConnID); err != nil {
		return ledger.Outcome[contract.ConnectionRecord]{}, err
	}
	return s.ledger.Connections.Change(ctx, q.ConnID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !ledger.Holds(c, q.Gateway, q.Session) {
			return nil, contract.Invalid("conn_id", contract.UnknownConnection)
		}
		return change(c)
	})
}

// dropChannels gives the connection with fewer channels: the same one when it has none of them.
func dropChannels(c *contract.ConnectionRecord, channels []string) *contract.ConnectionRecord {
	gone := within(channels, c.Channels)
	if len(gone) == 0 {
		return c
	}
	next := *c
	next.Channels = list(without(c.Channels, gone))
	return &next
}

func membership(o ledger.Outcome[contract.ConnectionRecord]) contract.Membership {
	return contract.Membership{Revision: o.Revision, Channels: list(o.After.Channels)}
}

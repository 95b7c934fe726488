package presence

import (
	"context"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/contract"
)

// join adds those of the channels that the connection's user may join.
func (s *Service) join(ctx context.Context, q contract.JoinRequest) (contract.ChannelsAnswer, error) {
	outcome, err := s.changeHeld(ctx, q, s.admit(ctx, q.Channels))
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	return contract.ChannelsAnswer{Membership: membership(outcome), Named: common(q.Channels, outcome.After.Channels)}, nil
}

// admit adds those of the channels that the user may join at the moment. It reads that after the record which it changes,
// and again for every record that it is given: who takes a permission back writes the user first and then, in any case,
// the connection (see withdrawn). So a join that has seen the permission is in the record which that write replaces, or
// is refused by the bucket and decided anew.
func (s *Service) admit(ctx context.Context, channels []string) ledger.Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		fresh := without(channels, c.Channels)
		if len(fresh) == 0 {
			return c, nil
		}
		user, _, err := s.ledger.Users.Fresh(ctx, c.User)
		if err != nil || user == nil {
			return c, err
		}
		return s.addChannels(c, common(fresh, user.Allowed), contract.CauseJoin)
	}
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
	gone := common(channels, c.Channels)
	if len(gone) == 0 {
		return c
	}
	next := *c
	next.Channels, next.By = list(without(c.Channels, gone)), contract.CauseLeave
	return &next
}

func membership(o ledger.Outcome[contract.ConnectionRecord]) contract.Membership {
	return contract.Membership{Revision: o.Revision, Channels: list(o.After.Channels)}
}

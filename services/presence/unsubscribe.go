package presence

import (
	"context"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// unsubscribe takes channels from a connection, and from what its user may join, and answers when that took effect on its
// socket.
func (s *Service) unsubscribe(ctx context.Context, q contract.UnsubscribeRequest) (contract.UnsubscribeAnswer, error) {
	if q.ConnID == "" {
		return s.disallow(ctx, q)
	}
	known, err := s.knownOrForgotten(ctx, q.ConnID)
	if err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	if _, err := s.ledger.Users.Change(ctx, known.User, notAllowed(q.Channels)); err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	outcome, err := s.changeKnown(ctx, q.ConnID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return withdrawn(c, q.Channels), nil
	})
	if err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	inForce := s.orderMembership(ctx, outcome.After, outcome.Revision)
	parted := without(outcome.Before.Channels, outcome.After.Channels)
	if s.tells(parted, nil) {
		s.awaitAnnounced(ctx, outcome.Revision)
	}
	info, _ := s.describe(outcome.After.Channels, q.Info)
	return contract.UnsubscribeAnswer{
		Seen: contract.Seen{Revision: outcome.Revision}, Channels: list(outcome.After.Channels),
		ChannelsInfo:     info,
		UnsubscribedFrom: list(parted), Force: contract.InForce(inForce),
	}, nil
}

// withdrawAtOnce is how many connections of one user are written at a time.
const withdrawAtOnce = 64

// disallow takes channels from what a user may join, and from all connections of the user, those too that are away. It
// answers when that took effect on every socket.
func (s *Service) disallow(ctx context.Context, q contract.UnsubscribeRequest) (contract.UnsubscribeAnswer, error) {
	if err := need("user", q.User); err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	user, err := s.ledger.Users.Change(ctx, q.User, notAllowed(q.Channels))
	if err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	connections, err := s.connectionsOf(ctx, q.User)
	if err != nil {
		return contract.UnsubscribeAnswer{}, err
	}
	answer := contract.UnsubscribeAnswer{Channels: []string{}}
	if user.After != nil {
		answer.Channels = list(user.After.Allowed)
	} else if len(connections) == 0 {
		return answer, contract.Invalid("user", contract.UnknownUser)
	}
	gone, err := s.withdraw(ctx, q.User, connections, q.Channels)
	if err != nil {
		return answer, err
	}
	answer.UnsubscribedFrom, answer.Revision, answer.Force = gone.channels, gone.revision, contract.InForce(gone.inForce)
	if s.tells(answer.UnsubscribedFrom, nil) {
		s.awaitAnnounced(ctx, answer.Revision)
	}
	return answer, nil
}

// connectionsOf gives the ids of all connections that a user had when it was called. One that comes later reads what its
// user may join later, too.
func (s *Service) connectionsOf(ctx context.Context, user string) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout/2)
	defer cancel()
	if err := s.ledger.CatchUp(ctx); err != nil {
		return nil, err
	}
	s.ledger.Read(func(r *roster.Roster) { ids = r.ConnectionsOf(user) })
	return ids, nil
}

// withdrawal is what was taken from connections.
type withdrawal struct {
	channels []string // that one of them was in, sorted
	revision uint64   // the highest that was written
	inForce  bool     // on all of them
}

// withdraw takes channels from connections of a user.
func (s *Service) withdraw(ctx context.Context, user string, connections, channels []string) (withdrawal, error) {
	outcomes := make([]ledger.Outcome[contract.ConnectionRecord], len(connections))
	var late atomic.Bool
	var g errgroup.Group
	g.SetLimit(withdrawAtOnce)
	for i, connID := range connections {
		g.Go(func() error {
			outcome, err := s.ledger.Connections.Change(ctx, connID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
				if c == nil || c.User != user {
					return c, nil
				}
				return withdrawn(c, channels), nil
			})
			if outcomes[i] = outcome; err == nil && outcome.Changed() && !s.orderMembership(ctx, outcome.After, outcome.Revision) {
				late.Store(true)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return withdrawal{}, err
	}
	gone := withdrawal{inForce: !late.Load()}
	for _, o := range outcomes {
		if o.Changed() {
			gone.revision = max(gone.revision, o.Revision)
			gone.channels = append(gone.channels, without(o.Before.Channels, o.After.Channels)...)
		}
	}
	slices.Sort(gone.channels)
	gone.channels = list(slices.Compact(gone.channels))
	return gone, nil
}

// withdrawn gives the connection without the channels, as a record that is written also when it had none of them: a join
// that saw the permission before it went must not be written after this (see admit).
func withdrawn(c *contract.ConnectionRecord, channels []string) *contract.ConnectionRecord {
	next := *dropChannels(c, channels)
	next.By = contract.CauseUnsubscribe
	return &next
}

// knownOrForgotten gives a connection that must be there. A dormant one is forgotten at that: what an app wants to take
// away from it must not come back with its client.
func (s *Service) knownOrForgotten(ctx context.Context, connID string) (*contract.ConnectionRecord, error) {
	if err := need("conn_id", connID); err != nil {
		return nil, err
	}
	outcome, err := s.ledger.Connections.Change(ctx, connID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return roster.There(c), nil
	})
	if err == nil && outcome.After == nil {
		err = contract.Invalid("conn_id", contract.UnknownConnection)
	}
	return outcome.After, err
}

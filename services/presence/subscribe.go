package presence

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// subscribe adds channels to a connection, and answers when they took effect on its socket.
func (s *Service) subscribe(ctx context.Context, q contract.SubscribeRequest) (contract.SubscribeAnswer, error) {
	if q.ConnID == "" {
		return s.allow(ctx, q)
	}
	now := time.Now().UTC()
	if c := s.ledger.Connections.Cached(q.ConnID); c != nil {
		if err := decided(ctx, s.ledger.Users, c.User, s.known(knowing{user: c.User, allow: q.Channels}, now)); err != nil {
			return contract.SubscribeAnswer{}, err
		}
	}
	outcome, err := s.changeKnown(ctx, q.ConnID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return s.addChannels(c, q.Channels, contract.CauseSubscribe)
	})
	if err != nil {
		return contract.SubscribeAnswer{}, err
	}
	var configured settingsRevision
	var g errgroup.Group
	g.Go(func() error {
		_, err := s.ledger.Users.Change(ctx, outcome.After.User,
			s.known(knowing{user: outcome.After.User, allow: q.Channels}, now))
		return err
	})
	s.introduce(ctx, &g, q.ChannelConfigs, now, &configured)
	inForce := s.orderMembership(ctx, outcome.After, outcome.Revision)
	if err := g.Wait(); err != nil {
		return contract.SubscribeAnswer{}, err
	}
	joined := without(outcome.After.Channels, outcome.Before.Channels)
	if s.tells(joined, q.ChannelConfigs) {
		s.awaitAnnounced(ctx, outcome.Revision)
	}
	info, _ := s.describe(outcome.After.Channels, q.Info)
	return contract.SubscribeAnswer{
		Seen:     contract.Seen{Revision: outcome.Revision, Settings: configured.highest.Load()},
		Channels: list(outcome.After.Channels), ChannelsInfo: &info,
		SubscribedTo: list(joined), Force: contract.InForce(inForce),
	}, nil
}

// allow lets a user join channels from now on, also one that did not connect yet.
func (s *Service) allow(ctx context.Context, q contract.SubscribeRequest) (contract.SubscribeAnswer, error) {
	if err := need("user", q.User); err != nil {
		return contract.SubscribeAnswer{}, err
	}
	now := time.Now().UTC()
	known := s.known(knowing{user: q.User, allow: q.Channels}, now)
	if err := decided(ctx, s.ledger.Users, q.User, known); err != nil {
		return contract.SubscribeAnswer{}, err
	}
	var configured settingsRevision
	var user ledger.Outcome[contract.UserRecord]
	var g errgroup.Group
	g.Go(func() (err error) {
		user, err = s.ledger.Users.Change(ctx, q.User, known)
		return err
	})
	s.introduce(ctx, &g, q.ChannelConfigs, now, &configured)
	if err := g.Wait(); err != nil {
		return contract.SubscribeAnswer{}, err
	}
	return contract.SubscribeAnswer{
		Seen: contract.Seen{Settings: configured.highest.Load()}, Channels: list(user.After.Allowed),
	}, nil
}

// notClosed is what is answered when a connection is gone, and its socket may be open yet.
const notClosed = "The connection is gone, but its gateway did not answer: its socket is closed when it does."

// disconnect ends a connection, and answers when its socket was told to close. A dormant one is forgotten, though it was
// not known to the app any more.
func (s *Service) disconnect(ctx context.Context, q contract.DisconnectRequest) (contract.DisconnectAnswer, error) {
	if err := need("conn_id", q.ConnID); err != nil {
		return contract.DisconnectAnswer{}, err
	}
	outcome, err := s.ledger.Connections.Change(ctx, q.ConnID, func(*contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		return nil, nil
	})
	if err != nil || roster.There(outcome.Before) == nil {
		return contract.DisconnectAnswer{}, err
	}
	s.untold.Note(s.ledger.Touch(ctx, outcome.Before.User, time.Now().UTC(), s.config.UserRetention/8))
	if outcome.Before.State == contract.Attached {
		_, err = s.orderClose(ctx, outcome.Before, contract.ReasonDisconnected)
	}
	if s.tells(outcome.Before.Channels, nil) {
		s.awaitAnnounced(ctx, outcome.Revision)
	}
	if err != nil {
		return contract.DisconnectAnswer{}, contract.Unavailable(notClosed)
	}
	return contract.DisconnectAnswer{Seen: contract.Seen{Revision: outcome.Revision}, Known: true}, nil
}

// changeKnown changes a connection that must be there.
func (s *Service) changeKnown(ctx context.Context, connID string,
	change ledger.Change[contract.ConnectionRecord],
) (ledger.Outcome[contract.ConnectionRecord], error) {
	if err := need("conn_id", connID); err != nil {
		return ledger.Outcome[contract.ConnectionRecord]{}, err
	}
	return s.ledger.Connections.Change(ctx, connID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if roster.There(c) == nil {
			return nil, contract.Invalid("conn_id", contract.UnknownConnection)
		}
		return change(c)
	})
}

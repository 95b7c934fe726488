package presence

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// connect makes a user known and registers its connection. The records are written at the same time, unless the
// roster knows of something against the connection: that is decided before anything is written. A new connection is to
// get every message that is posted after the answer, however late its socket opens: its record says where they begin.
func (s *Service) connect(ctx context.Context, q contract.ConnectRequest) (contract.ConnectAnswer, error) {
	if err := needAll("conn_id", q.ConnID, "user", q.User); err != nil {
		return contract.ConnectAnswer{}, err
	}
	now := time.Now().UTC()
	register := s.register(q, now, sync.OnceValues(func() (uint64, error) { return s.position(ctx) }))
	if _, err := s.register(q, now, notKnown)(s.ledger.Connections.Cached(q.ConnID)); err != nil {
		if _, err := s.ledger.Connections.Change(ctx, q.ConnID, register); err != nil {
			return contract.ConnectAnswer{}, err
		}
	}
	known := s.known(knowing{
		user: q.User, status: q.Status, fresh: q.FreshState, state: q.State, keys: q.PublicKeys, allow: q.Channels,
	}, now)
	if err := decided(ctx, s.ledger.Users, q.User, known); err != nil {
		return contract.ConnectAnswer{}, err
	}
	var configured settingsRevision
	var user ledger.Outcome[contract.UserRecord]
	var g errgroup.Group
	g.Go(func() (err error) {
		user, err = s.ledger.Users.Change(ctx, q.User, known)
		return err
	})
	s.introduce(ctx, &g, q.ChannelConfigs, now, &configured)
	told := s.tells(q.Channels, q.ChannelConfigs)
	if told { // what is told of the user is written before the user joins
		if err := g.Wait(); err != nil {
			return contract.ConnectAnswer{}, err
		}
	}
	connection, err := s.ledger.Connections.Change(ctx, q.ConnID, register)
	if err = errors.Join(err, g.Wait()); err != nil {
		return contract.ConnectAnswer{}, err
	}
	inForce := s.orderMembership(ctx, connection.After, connection.Revision)
	if told && connection.Changed() {
		s.awaitAnnounced(ctx, connection.Revision)
	}
	info, history := s.describe(connection.After.Channels, q.Info)
	return contract.ConnectAnswer{
		Seen:    contract.Seen{Revision: connection.Revision, Settings: configured.highest.Load()},
		History: history, ConnID: q.ConnID, User: q.User,
		Status: user.After.Status, State: stateOf(user.After), PublicState: roster.PublicState(user.After),
		Channels: list(connection.After.Channels), ChannelsInfo: info, Force: contract.InForce(inForce),
	}, nil
}

// register makes a connection, or adds channels to the one that is there. A dormant one gives way, whoever's it was.
func (s *Service) register(q contract.ConnectRequest, now time.Time, position func() (uint64, error)) ledger.Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if roster.There(c) == nil {
			c = &contract.ConnectionRecord{
				ConnID: q.ConnID, User: q.User, Channels: merged(nil, q.Channels), State: contract.Pending, Since: now,
				By: contract.CauseConnect,
			}
			err := s.checkChannels(c.Channels)
			if err == nil {
				c.Offset, err = position()
			}
			return c, err
		}
		if c.User != q.User {
			return nil, &contract.Fault{Code: contract.CodeConflict, Message: "The connection id belongs to another user."}
		}
		return s.addChannels(c, q.Channels, contract.CauseConnect)
	}
}

// position is how far the log has come; not known while nobody has made it.
func (s *Service) position(ctx context.Context) (uint64, error) {
	position, err := s.messages.End(ctx)
	if errors.Is(err, bus.ErrNoLog) {
		return notKnown()
	}
	return position, err
}

func notKnown() (uint64, error) { return 0, nil }

// addChannels gives the connection with more channels, by whose word it may be: the same one when it has all.
func (s *Service) addChannels(c *contract.ConnectionRecord, channels []string, by contract.Cause) (*contract.ConnectionRecord, error) {
	all := with(c.Channels, channels)
	if len(all) == len(c.Channels) {
		return c, nil
	}
	next := *c
	next.Channels, next.By = all, by
	return &next, s.checkChannels(all)
}

// needAll refuses empty names, given as field and name in turn.
func needAll(fieldsAndNames ...string) error {
	for i := 0; i < len(fieldsAndNames); i += 2 {
		if err := need(fieldsAndNames[i], fieldsAndNames[i+1]); err != nil {
			return err
		}
	}
	return nil
}

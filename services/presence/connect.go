package presence

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// connect makes a user known and registers its connection. The records are written at the same time, unless the
// roster knows of something against the connection: that is decided before anything is written.
func (s *Service) connect(ctx context.Context, q contract.ConnectRequest) (contract.ConnectAnswer, error) {
	if err := needAll("conn_id", q.ConnID, "user", q.User); err != nil {
		return contract.ConnectAnswer{}, err
	}
	now := time.Now().UTC()
	register := s.register(q, now)
	if _, err := register(s.ledger.Connections.Cached(q.ConnID)); err != nil {
		if _, err := s.ledger.Connections.Change(ctx, q.ConnID, register); err != nil {
			return contract.ConnectAnswer{}, err
		}
	}
	var connection ledger.Outcome[contract.ConnectionRecord]
	var user ledger.Outcome[contract.UserRecord]
	var g errgroup.Group
	g.Go(func() (err error) {
		connection, err = s.ledger.Connections.Change(ctx, q.ConnID, register)
		return err
	})
	g.Go(func() (err error) {
		user, err = s.ledger.Users.Change(ctx, q.User, s.known(knowing{
			user: q.User, status: q.Status, fresh: q.FreshState, state: q.State, keys: q.PublicKeys, allow: q.Channels,
		}, now))
		return err
	})
	s.configure(ctx, &g, q.ChannelConfigs, now)
	if err := g.Wait(); err != nil {
		return contract.ConnectAnswer{}, err
	}
	s.orderMembership(ctx, connection.After, connection.Revision)
	return contract.ConnectAnswer{
		Seen: contract.Seen{Revision: connection.Revision}, ConnID: q.ConnID, User: q.User,
		Status: user.After.Status, State: stateOf(user.After), PublicState: roster.PublicState(user.After),
		Channels: list(connection.After.Channels), ChannelsInfo: s.describe(connection.After.Channels, q.Info),
	}, nil
}

// register makes a connection, or adds channels to the one that is there.
func (s *Service) register(q contract.ConnectRequest, now time.Time) ledger.Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if c == nil {
			c = &contract.ConnectionRecord{
				ConnID: q.ConnID, User: q.User, Channels: merged(nil, q.Channels), State: contract.Pending, Since: now,
			}
			return c, s.checkChannels(c.Channels)
		}
		if c.User != q.User {
			return nil, &contract.Fault{Code: contract.CodeConflict, Message: "The connection id belongs to another user."}
		}
		return s.addChannels(c, q.Channels)
	}
}

// addChannels gives the connection with more channels: the same one when it has all.
func (s *Service) addChannels(c *contract.ConnectionRecord, channels []string) (*contract.ConnectionRecord, error) {
	all := with(c.Channels, channels)
	if len(all) == len(c.Channels) {
		return c, nil
	}
	next := *c
	next.Channels = all
	return &next, s.checkChannels(all)
}

func (s *Service) checkChannels(channels []string) error {
	if len(channels) <= s.config.MaxChannels {
		return nil
	}
	return contract.Invalid("channels", fmt.Sprintf("A connection may have at most %d channels.", s.config.MaxChannels))
}

// configure gives settings to channels that nobody configured before.
func (s *Service) configure(ctx context.Context, g *errgroup.Group, configs map[string]contract.ChannelConfig, now time.Time) {
	for name, config := range configs {
		if name == "" || config.IsDefault() || s.ledger.Channels.Cached(name) != nil {
			continue
		}
		g.Go(func() error {
			_, err := s.ledger.Channels.Change(ctx, name, func(c *contract.ChannelRecord) (*contract.ChannelRecord, error) {
				if c != nil {
					return c, nil
				}
				return &contract.ChannelRecord{
					Name: name, LongName: config.LongName, Settings: config.ChannelSettings, Created: now,
				}, nil
			})
			return err
		})
	}
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

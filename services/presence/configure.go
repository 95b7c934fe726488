package presence

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// configureAtOnce is how many records of one request are written at a time.
const configureAtOnce = 64

// configure gives channels their settings, in place of those they have.
func (s *Service) configure(ctx context.Context, q contract.ConfigureRequest) (contract.ConfigureAnswer, error) {
	names := make([]string, 0, len(q.Channels))
	for name := range q.Channels {
		if err := need("channels", name); err != nil {
			return contract.ConfigureAnswer{}, err
		}
		names = append(names, name)
	}
	now := time.Now().UTC()
	var revision settingsRevision
	var untrimmed untrimmedChannels
	var g errgroup.Group
	g.SetLimit(configureAtOnce)
	for name, config := range q.Channels {
		change := configured(name, config, now)
		if q.Trimmed != nil {
			change = onceTrimmed(config, q.Trimmed[name], change)
		}
		g.Go(func() error {
			outcome, err := s.ledger.Channels.Change(ctx, name, change)
			revision.note(outcome.Revision)
			return untrimmed.note(name, err)
		})
	}
	if err := g.Wait(); err != nil {
		return contract.ConfigureAnswer{}, err
	}
	answer := contract.ConfigureAnswer{Seen: contract.Seen{Settings: revision.highest.Load()}, Trim: untrimmed.sizes}
	s.ledger.Read(func(r *roster.Roster) { answer.ChannelsInfo = r.Describe(names, contract.InfoOptions{OmitUsers: true}) })
	return answer, nil
}

// configured makes the record of a channel with that configuration, also where it is that of any channel: what an app has
// configured, no later introduction changes. That it kept history once is never forgotten, or what it kept would vanish.
func configured(name string, config contract.ChannelConfig, now time.Time) ledger.Change[contract.ChannelRecord] {
	return func(c *contract.ChannelRecord) (*contract.ChannelRecord, error) {
		next := record(name, config, now)
		if c != nil {
			next.Created, next.History = c.Created, next.History || c.History
		}
		if reflect.DeepEqual(c, next) {
			return c, nil
		}
		return next, nil
	}
}

// untrimmedError refuses settings with which a channel would show more of its history than now.
type untrimmedError struct{ shown int }

func (e *untrimmedError) Error() string {
	return fmt.Sprintf("the history of the channel is not trimmed to the %d messages that it shows", e.shown)
}

// onceTrimmed makes a change only where the channel shows no more history with it, or has been trimmed to what it shows now.
func onceTrimmed(config contract.ChannelConfig, trimmed int, change ledger.Change[contract.ChannelRecord]) ledger.Change[contract.ChannelRecord] {
	return func(c *contract.ChannelRecord) (*contract.ChannelRecord, error) {
		if c != nil && c.History && config.ShowsMore(c.Settings) && trimmed != c.Settings.HistorySize {
			return nil, &untrimmedError{shown: c.Settings.HistorySize}
		}
		return change(c)
	}
}

// untrimmedChannels collects the channels that are to be trimmed first.
type untrimmedChannels struct {
	mu    sync.Mutex
	sizes map[string]int // guarded by mu
}

// note notes a channel if that is the error, and gives any other error back.
func (u *untrimmedChannels) note(name string, err error) error {
	var untrimmed *untrimmedError
	if !errors.As(err, &untrimmed) {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sizes == nil {
		u.sizes = map[string]int{}
	}
	u.sizes[name] = untrimmed.shown
	return nil
}

func record(name string, config contract.ChannelConfig, now time.Time) *contract.ChannelRecord {
	return &contract.ChannelRecord{
		Name: name, LongName: config.LongName, Settings: config.ChannelSettings, Created: now, History: config.StoreHistory,
	}
}

// introduce gives settings to channels that nobody configured before.
func (s *Service) introduce(ctx context.Context, g *errgroup.Group, configs map[string]contract.ChannelConfig,
	now time.Time, revision *settingsRevision,
) {
	for name, config := range configs {
		if name == "" || config.IsDefault() || s.ledger.Channels.Cached(name) != nil {
			continue
		}
		g.Go(func() error {
			outcome, err := s.ledger.Channels.Change(ctx, name, func(c *contract.ChannelRecord) (*contract.ChannelRecord, error) {
				if c != nil {
					return c, nil
				}
				return record(name, config, now), nil
			})
			revision.note(outcome.Revision)
			return err
		})
	}
}

// settingsRevision is the highest revision of the channels bucket among several changes.
type settingsRevision struct{ highest atomic.Uint64 }

func (r *settingsRevision) note(revision uint64) {
	for {
		highest := r.highest.Load()
		if revision <= highest || r.highest.CompareAndSwap(highest, revision) {
			return
		}
	}
}

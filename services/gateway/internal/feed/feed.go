// Package feed brings messages from NATS to the hub: one subscription for each topic with a member in this gateway,
// all on one queue, so that none costs a goroutine.
//
// It promises that when Acquire returns, messages published from then on reach the hub; and that messages of one
// subject reach it in the order in which NATS delivers them. What NATS does not deliver is not fetched.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

const (
	// queueSize is how many messages wait for the hub before NATS drops some.
	queueSize = 1 << 16
	// idle is how long a subscription stays without members, so that churn does not become NATS traffic.
	idle = 5 * time.Second
)

// Feed subscribes to what members need.
type Feed struct {
	// set at construction
	bus *bus.Conn
	in  *bus.Feed
	hub *hub.Hub
	log *slog.Logger

	mu     sync.RWMutex
	topics map[string]*entry // by subject; guarded by mu
	unused map[*entry]time.Time
}

// entry is a subscription and how many sessions use it.
type entry struct {
	topic *hub.Topic
	sub   *bus.Subscription
	uses  int           // guarded by Feed.mu
	live  chan struct{} // closed when the subscription is in force, or has failed
	err   error         // set before live is closed
}

// New makes a feed for a hub.
func New(c *bus.Conn, h *hub.Hub, log *slog.Logger) *Feed {
	return &Feed{
		bus: c, in: c.NewFeed(queueSize), hub: h, log: log,
		topics: map[string]*entry{}, unused: map[*entry]time.Time{},
	}
}

// Run moves messages until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	sweep := time.NewTicker(idle / 5)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-f.in.C():
			f.publish(m)
		case now := <-sweep.C:
			f.sweep(now)
		}
	}
}

func (f *Feed) publish(m *bus.Msg) {
	f.mu.RLock()
	e := f.topics[m.Subject]
	f.mu.RUnlock()
	if e != nil {
		f.hub.Publish(e.topic, m.Data, ruleOf(m.Header))
	}
}

// ruleOf reads the delivery facts in a message's header; nil when everybody gets it.
func ruleOf(h bus.Header) *hub.Rule {
	if len(h) == 0 {
		return nil
	}
	only, except := h.Get(contract.HeaderPM), h.Get(contract.HeaderExclude)
	if only == "" && except == "" {
		return nil
	}
	return &hub.Rule{Only: tokens(only), Except: tokens(except)}
}

func tokens(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// Subject names one topic to acquire.
type Subject struct {
	Name    string // of the channel or user
	Subject string
}

// Acquire subscribes to subjects and returns their topics, in order, when the subscriptions are in force. Each topic is
// to be given back with Release.
func (f *Feed) Acquire(ctx context.Context, subjects []Subject) ([]*hub.Topic, error) {
	entries := make([]*entry, 0, len(subjects))
	var fresh []*entry
	f.mu.Lock()
	for _, s := range subjects {
		e := f.topics[s.Subject]
		if e == nil {
			e = &entry{topic: f.hub.NewTopic(s.Name, s.Subject), live: make(chan struct{})}
			f.topics[s.Subject] = e
			fresh = append(fresh, e)
		}
		e.uses++
		delete(f.unused, e)
		entries = append(entries, e)
	}
	f.mu.Unlock()
	f.subscribe(ctx, fresh)
	topics := make([]*hub.Topic, 0, len(entries))
	for _, e := range entries {
		topics = append(topics, e.topic)
	}
	if err := waitLive(ctx, entries); err != nil {
		f.Release(topics)
		return nil, err
	}
	return topics, nil
}

// subscribe brings new entries into force. One that fails is taken out, so that the next Acquire tries again.
func (f *Feed) subscribe(ctx context.Context, fresh []*entry) {
	if len(fresh) == 0 {
		return
	}
	var failed error
	for _, e := range fresh {
		sub, err := f.in.Subscribe(e.topic.Subject)
		if failed = err; err != nil {
			break
		}
		e.sub = sub
	}
	if failed == nil {
		failed = f.bus.Flush(ctx)
	}
	if failed != nil {
		f.mu.Lock()
		for _, e := range fresh {
			e.err = failed
			delete(f.topics, e.topic.Subject)
			f.unsubscribe(e)
		}
		f.mu.Unlock()
	}
	for _, e := range fresh {
		close(e.live)
	}
}

func waitLive(ctx context.Context, entries []*entry) error {
	for _, e := range entries {
		select {
		case <-e.live:
			if e.err != nil {
				return e.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Release gives topics back.
func (f *Feed) Release(topics []*hub.Topic) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range topics {
		e := f.topics[t.Subject]
		if e == nil || e.topic != t {
			continue // it failed, and went then
		}
		if e.uses--; e.uses == 0 {
			f.unused[e] = time.Now()
		}
	}
}

// Subscriptions is how many topics are subscribed to.
func (f *Feed) Subscriptions() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.topics)
}

func (f *Feed) sweep(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e, since := range f.unused {
		if now.Sub(since) >= idle {
			delete(f.unused, e)
			delete(f.topics, e.topic.Subject)
			f.unsubscribe(e)
		}
	}
}

func (f *Feed) unsubscribe(e *entry) {
	if e.sub == nil {
		return
	}
	if err := e.sub.Unsubscribe(); err != nil && !errors.Is(err, context.Canceled) {
		f.log.Warn("a subscription could not be ended", "error", err)
	}
}

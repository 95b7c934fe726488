// Package feed brings messages from NATS to the hub: one subscription for each topic with a member in this gateway,
// all on one queue, so that none costs a goroutine.
//
// A logged message comes as a live copy, which NATS sends at most once, and carries the sequence of the one before it
// on its subject. So:
//
//	copy ──sequence seen?──► passed over
//	     ──a gap before it?──► held, the log is read, then handed on in order
//	     ──next──► hub
//	every few seconds, and after a reconnect, a drop or a change of leader: the log's tails are compared
//
// It promises that when Acquire returns, messages published from then on reach the hub, once and in the order of their
// sequences, also when live copies are lost, as long as the log has them. A message of a channel that is not logged
// comes at most once.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

const (
	defaultQueue     = 1 << 16
	defaultTailEvery = 3 * time.Second
	// idle is how long a subscription stays without members, so that churn does not become NATS traffic.
	idle = 5 * time.Second
)

// Observer counts. Its methods must not block.
type Observer interface {
	Hole() // live copies were missing; they are read from the log
	Lost() // they were not in the log any more
	// Read counts a topic that was read from the log for clients that came back.
	Read(messages int, bytes int64)
	CutOff() // a client that came back was slower than the tapes are long
	// Traced is told how long a message that its app traces took from the log to all of its sockets.
	Traced(trace string, delay time.Duration)
}

// Config is what a feed works with.
type Config struct {
	Conn      *bus.Conn
	Namespace contract.Namespace
	Hub       *hub.Hub
	Observer  Observer
	Logger    *slog.Logger
	Queue     int           // messages that wait for the hub before NATS drops some; 0 for the default
	TailEvery time.Duration // the longest time before a lost last message is noticed; 0 for the default
	TapeBytes int           // that are kept at most for clients that come back; 0 for the default
	Tracer    *trace.Tracer // nil: no message is traced
	Halted    func() bool   // nothing is to be handed on now; asked before each message; nil: never
}

// Feed subscribes to what members need.
type Feed struct {
	// set at construction
	bus       *bus.Conn
	in        *bus.Intake
	messages  *bus.Log
	namespace contract.Namespace
	hub       *hub.Hub
	observer  Observer
	log       *slog.Logger
	outage    *telemetry.Outage // of what subscribes
	tailEvery time.Duration
	halted    func() bool
	tracer    *trace.Tracer // nil: no message is traced
	checkNow  chan struct{} // holds one when the tails are to be looked at
	tails     chan tailCheck
	filled    chan filled
	slots     chan struct{} // one for each hole that is being filled
	ended     chan struct{} // closed when Run ends

	fills  sync.WaitGroup
	asked  chan func()   // what others have Run do
	doubts atomic.Uint64 // times that live copies may have been lost
	mark   atomic.Uint64 // see offset; written by Run
	reads  chan struct{} // one for each read of the past that is under way
	tapes  tapes

	// owned by Run
	suspects []*subscription
	marks    marks
	kept     kept

	mu     sync.RWMutex
	topics map[string]*subscription    // by live subject; guarded by mu
	unused map[*subscription]time.Time // guarded by mu
	begun  uint64                      // subscriptions; guarded by mu
}

// New makes a feed for a hub.
func New(c Config) *Feed {
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.TailEvery == 0 {
		c.TailEvery = defaultTailEvery
	}
	if c.TapeBytes == 0 {
		c.TapeBytes = defaultTapeBytes
	}
	if c.Halted == nil {
		c.Halted = func() bool { return false }
	}
	return &Feed{
		tailEvery: c.TailEvery, halted: c.Halted, tracer: c.Tracer,
		bus: c.Conn, in: c.Conn.NewIntake(c.Queue), messages: c.Conn.BindLog(c.Namespace.LogStream()),
		namespace: c.Namespace, hub: c.Hub, observer: c.Observer, log: c.Logger,
		outage:   telemetry.NewOutage(c.Logger, "channels and users could not be subscribed to; clients are refused", "channels and users can be subscribed to again"),
		checkNow: make(chan struct{}, 1), tails: make(chan tailCheck), filled: make(chan filled),
		slots: make(chan struct{}, fillers), ended: make(chan struct{}), marks: marks{filling: map[*subscription]struct{}{}},
		asked: make(chan func()), reads: make(chan struct{}, readers), tapes: tapes{limit: int64(c.TapeBytes), of: map[*subscription]struct{}{}},
		topics: map[string]*subscription{}, unused: map[*subscription]time.Time{},
	}
}

// Run moves messages until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	var watch errgroup.Group
	watch.Go(func() error { return f.watchTails(ctx) })
	defer f.leave()
	defer f.fills.Wait()
	defer close(f.ended)
	sweep := time.NewTicker(idle / 5)
	defer sweep.Stop()
	again := time.NewTicker(copiesTake)
	defer again.Stop()
	var aside func() // hands on what came when it was halted; nil: it is not
	for {
		if aside != nil && !f.halted() {
			aside()
			aside = nil
		}
		in, fills, asked := f.in.C(), f.filled, f.asked
		if aside != nil {
			in, fills = nil, nil
		}
		if len(f.kept.messages) > 0 && !f.halted() { // who comes now would get them from a tape, and again
			asked = nil
		}
		select {
		case <-ctx.Done():
			return watch.Wait()
		case m := <-in:
			if f.halted() {
				aside = func() { f.receive(m) }
				continue
			}
			f.receive(m)
		case got := <-fills:
			if f.halted() {
				aside = func() { f.finish(got) }
				continue
			}
			f.finish(got)
		case found := <-f.tails:
			f.compare(found)
		case do := <-asked:
			do()
		case now := <-again.C:
			f.fillSuspects()
			if !f.halted() {
				f.handOld(now)
			}
		case now := <-sweep.C:
			f.sweep(now)
			f.tapes.wipeOld(now)
		}
	}
}

// hand hands a logged message on, as the next of its subject.
func (f *Feed) hand(s *subscription, m bus.LogMessage) {
	s.cursor.handedOn(m.Sequence)
	m.Data = contract.OpenAudience(m.Header, m.Data)
	if s.tape != nil {
		f.tapes.record(s, m)
	}
	f.note(m.Sequence)
	if f.keeps() {
		f.keep(m.Sequence, len(m.Data), f.publisher(s, m))
		return
	}
	f.publish(s, m, f.moveMark())
}

// publisher publishes a message later.
func (f *Feed) publisher(s *subscription, m bus.LogMessage) func(offset uint64) {
	return func(offset uint64) { f.publish(s, m, offset) }
}

// publish hands a message on, with the delivery facts in its header.
func (f *Feed) publish(s *subscription, from bus.LogMessage, offset uint64) {
	m := hub.Message{Message: frame.Message{Body: from.Data, Offset: offset}}
	if h := from.Header; len(h) > 0 {
		m.Rule, m.More = ruleOf(h), h.Get(contract.HeaderMore) != ""
		m.Announcement, m.Stored = Announcement(from), h.Get(bus.HeaderStored)
		if f.tracer != nil {
			if parent := h.Get(trace.Header); parent != "" {
				f.publishTraced(s.topic, m, parent)
				return
			}
		}
	}
	f.hub.Publish(s.topic, m)
}

// publishTraced hands a message on that its app traces, and ends the span when all members have been written to.
func (f *Feed) publishTraced(t *hub.Topic, m hub.Message, parent string) {
	_, span := f.tracer.Follow(context.Background(), parent, "deliver", trace.Consumer)
	span.Count("channelstream.members", t.Members())
	f.hub.Publish(t, m)
	if !span.Traced() {
		return
	}
	f.hub.Written(t, func() {
		span.End()
		if stored, err := time.Parse(time.RFC3339Nano, m.Stored); err == nil { // a fleeting message was not stored
			f.observer.Traced(span.Trace(), max(time.Since(stored), 0))
		}
	})
}

// Announcement gives the announcement that a message is; nil for other messages.
func Announcement(m bus.LogMessage) *frame.Announcement {
	return frame.Announced(m.Header.Get(contract.HeaderEvents), m.Data, m.Sequence)
}

// do has Run do something, and returns when it is done.
func (f *Feed) do(ctx context.Context, what func()) error {
	done := make(chan struct{})
	select {
	case f.asked <- func() { what(); close(done) }:
		<-done
		return nil
	case <-f.ended:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ruleOf gives who gets a message; nil when everybody does.
func ruleOf(h bus.Header) *hub.Rule {
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
	all := make([]*subscription, 0, len(subjects))
	topics := make([]*hub.Topic, 0, len(subjects))
	var fresh []*subscription
	f.mu.Lock()
	for _, wanted := range subjects {
		s := f.topics[wanted.Subject]
		if s == nil {
			f.begun++
			s = &subscription{topic: f.hub.NewTopic(wanted.Name, wanted.Subject), number: f.begun, live: make(chan struct{})}
			f.topics[wanted.Subject] = s
			fresh = append(fresh, s)
		}
		s.uses++
		delete(f.unused, s)
		all, topics = append(all, s), append(topics, s.topic)
	}
	f.mu.Unlock()
	f.subscribe(ctx, fresh)
	if err := waitLive(ctx, all); err != nil {
		f.Release(topics)
		return nil, err
	}
	return topics, nil
}

// subscribe brings new subscriptions into force. Those that fail are taken out, so that the next Acquire tries again.
func (f *Feed) subscribe(ctx context.Context, fresh []*subscription) {
	if len(fresh) == 0 {
		return
	}
	var failed error
	for _, s := range fresh {
		nats, err := f.in.Subscribe(s.topic.Subject)
		if failed = err; err != nil {
			break
		}
		s.nats = nats
	}
	if failed == nil {
		failed = f.begin(ctx, fresh)
	}
	if !errors.Is(failed, context.Canceled) {
		f.outage.Note(failed)
	}
	if failed != nil {
		f.mu.Lock()
		for _, s := range fresh {
			s.err = failed
			delete(f.topics, s.topic.Subject)
			f.unsubscribe(s)
		}
		f.mu.Unlock()
	}
	for _, s := range fresh {
		close(s.live)
	}
}

// begin returns when the subscriptions are in force, and Run knows how far the log had come then: NATS takes up what was
// sent before the question before it answers.
func (f *Feed) begin(ctx context.Context, fresh []*subscription) error {
	subjects := make([]string, len(fresh))
	for i, s := range fresh {
		subjects[i] = f.namespace.LogSubject(s.topic.Subject)
	}
	tails, upTo, err := f.messages.Tails(ctx, subjects)
	if err != nil {
		return err
	}
	return f.do(ctx, func() {
		for i, s := range fresh {
			s.base = upTo
			s.cursor.begin(upTo, tails[subjects[i]])
		}
	})
}

func waitLive(ctx context.Context, all []*subscription) error {
	for _, s := range all {
		select {
		case <-s.live:
			if s.err != nil {
				return s.err
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
		s := f.topics[t.Subject]
		if s == nil || s.topic != t {
			continue // it failed, and went then
		}
		if s.uses--; s.uses == 0 {
			f.unused[s] = time.Now()
		}
	}
}

// Queued is how many messages came from NATS and were not handed on yet.
func (f *Feed) Queued() int { return len(f.in.C()) }

// Subscriptions is how many topics are subscribed to.
func (f *Feed) Subscriptions() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.topics)
}

// leave ends all subscriptions: nobody takes what comes.
func (f *Feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.topics {
		select {
		case <-s.live:
			f.unsubscribe(s)
		default: // whoever subscribes sees that the feed has ended
		}
	}
}

func (f *Feed) sweep(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s, since := range f.unused {
		if now.Sub(since) >= idle {
			delete(f.unused, s)
			delete(f.topics, s.topic.Subject)
			f.unsubscribe(s)
		}
	}
}

func (f *Feed) unsubscribe(s *subscription) {
	if s.nats == nil {
		return
	}
	if err := s.nats.Unsubscribe(); err != nil && !errors.Is(err, context.Canceled) {
		f.log.Warn("a subscription could not be ended", "error", err)
	}
}

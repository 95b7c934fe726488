// Package presence knows who is where: it is the only writer of the buckets, answers the presence verbs, and removes
// what has died.
//
// It promises that any number of replicas answer alike, that what an answer says has happened is stored, and that a
// caller reads its own writes from any replica. It opens no sockets; clients get from it, through the log, who came and left
// (see internal/announce for what is promised of that), and what changed in the state of users.
package presence

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/announce"
	"github.com/channelstream/channelstream/services/presence/internal/chronicle"
	"github.com/channelstream/channelstream/services/presence/internal/leader"
	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/notice"
	"github.com/channelstream/channelstream/services/presence/internal/reaper"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// concurrent is how many requests a replica works on at once. Most wait for NATS, some for a gateway.
const concurrent = 1024

// Config is what a replica needs.
type Config struct {
	Namespace       contract.Namespace
	Replicas        int           // of each bucket; 0 is 1
	MaxChannels     int           // of one connection; 0 is 1,000
	MaxUserChannels int           // that one user may join; 0 is 10,000
	MaxState        int           // bytes of a user's state, with the names of its public keys; 0 is 384 KiB; at most half of a message
	ConnectTimeout  time.Duration // a connection waits for its socket
	Linger          time.Duration // a connection waits for its socket to come back; 0 does not wait
	LeaseTTL        time.Duration // of gateways, apis and the leader
	ResumeWindow    time.Duration // a client that dropped may come back to its connection, Linger included; 0: not after Linger
	UserRetention   time.Duration // a user without a connection is known
	RequestTimeout  time.Duration // of one request; a gateway gets half of it
	Version         string        // for service discovery, which shows its three numbers
	Conn            *bus.Conn     // not closed by the service
	Logger          *slog.Logger
	Registry        prometheus.Registerer // may be nil
	Tracer          *trace.Tracer         // nil: no request is traced
}

// Service is one replica.
type Service struct {
	// set at construction
	config   Config
	version  string // as the build has it
	log      *slog.Logger
	metrics  *metrics
	messages *bus.Log
	unheard  *telemetry.Outage // the leader does not answer this replica
	untold   *telemetry.Outage // when users were last active
	silent   *told             // gateways that do not take orders
	elders   *told             // processes that speak an older contract

	// set by Run before the first request
	ledger    *ledger.Ledger
	leader    *leader.Candidate
	id        string // in the leader's lease
	announcer *announce.Announcer
	chronicle *chronicle.Chronicle
	notices   *notice.Sender

	serving atomic.Bool
}

// ErrNotReady is returned by Ready before the replica answers, and after it has stopped.
var ErrNotReady = errors.New("presence does not answer yet")

// New makes a replica. It starts nothing.
func New(c Config) (*Service, error) {
	if err := c.Namespace.Validate(); err != nil {
		return nil, err
	}
	for name, d := range map[string]time.Duration{
		"connect timeout": c.ConnectTimeout, "lease TTL": c.LeaseTTL,
		"user retention": c.UserRetention, "request timeout": c.RequestTimeout,
	} {
		if d <= 0 {
			return nil, fmt.Errorf("configure presence: the %s must be more than nothing", name)
		}
	}
	c.MaxChannels = cmp.Or(c.MaxChannels, 1000)
	c.MaxUserChannels = cmp.Or(c.MaxUserChannels, 10_000)
	c.MaxState = cmp.Or(c.MaxState, 384<<10)
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, err
	}
	return &Service{
		config: c, version: c.Version, log: c.Logger, metrics: m, messages: c.Conn.BindLog(c.Namespace.LogStream()),
		silent: newTold(time.Minute), elders: newTold(10 * c.LeaseTTL), // by then each replica has heard each process
		unheard: telemetry.NewOutage(c.Logger, "the leader did not say that it has announced who came and left", "the leader says again what it has announced"),
		untold:  telemetry.NewOutage(c.Logger, "the time a user was last active could not be written", "the time users were last active can be written again"),
	}, nil
}

// Run answers until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	s.id = rand.Text()
	s.announcer = announce.New(announce.Config{
		Leads: s.leads, Recorded: s.recorded, Told: s.notifiesPresence, Announce: s.announce,
		Timeout: s.config.RequestTimeout, Logger: s.log,
	})
	s.chronicle = chronicle.New(chronicle.Config{Window: s.config.ResumeWindow + askedLater})
	s.notices = &notice.Sender{Conn: s.config.Conn, Log: s.messages, Namespace: s.config.Namespace, Logger: s.log}
	book, err := s.open(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped before it began
		}
		return err
	}
	s.ledger = book
	s.leader = leader.New(book.Leases, s.id, s.config.LeaseTTL, s.announcer.Announced, s.log)
	s.metrics.watch(&measured{ledger: book, leader: s.leader, announcer: s.announcer})
	defer s.metrics.watch(nil)
	reap := reaper.New(reaper.Config{
		Ledger: book, Leader: s.leader, Logger: s.log,
		ConnectTimeout: s.config.ConnectTimeout, Linger: s.config.Linger, LeaseTTL: s.config.LeaseTTL,
		ResumeWindow: s.config.ResumeWindow, UserRetention: s.config.UserRetention, RequestTimeout: s.config.RequestTimeout,
	})
	g, ctx := errgroup.WithContext(ctx)
	leading, resign := context.WithCancel(context.WithoutCancel(ctx)) // not before all is announced
	g.Go(func() error { return book.Run(ctx) })
	g.Go(func() error { return s.leader.Run(leading) })
	g.Go(func() error {
		defer resign()
		return s.announcer.Run(ctx)
	})
	g.Go(func() error { return reap.Run(ctx) })
	g.Go(func() error { return s.beSeen(ctx) })
	g.Go(func() error { return s.serve(ctx) })
	return g.Wait()
}

// open makes the buckets. While NATS elects a leader that may fail; it is tried again until ctx ends.
func (s *Service) open(ctx context.Context) (*ledger.Ledger, error) {
	outage := telemetry.NewOutage(s.log, "the buckets can not be opened yet; trying again", "the buckets are open")
	for {
		attempt, cancel := context.WithTimeout(ctx, max(s.config.RequestTimeout, 5*time.Second))
		book, err := ledger.Open(attempt, ledger.Config{
			Conn: s.config.Conn, Namespace: s.config.Namespace, Replicas: s.config.Replicas,
			LeaseTTL: s.config.LeaseTTL, Logger: s.log, Observer: s.announcer, Witness: s.chronicle,
		})
		cancel()
		if err != nil && !errors.Is(err, bus.ErrUnavailable) {
			return nil, err
		}
		if outage.Note(err); err == nil {
			return book, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (s *Service) serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ledger.Ready():
	}
	defer s.serving.Store(false)
	return s.config.Conn.Serve(ctx, bus.Service{
		Name: contract.PresenceService, QueueGroup: contract.PresenceService,
		Description: "Knows who is where", Version: s.config.Version,
		Metadata:  map[string]string{"namespace": string(s.config.Namespace), "id": s.id},
		Endpoints: s.endpoints(), Concurrent: concurrent, Timeout: s.config.RequestTimeout, Fresh: true, Logger: s.log, Tracer: s.config.Tracer,
	}, func() { s.serving.Store(true) })
}

func (s *Service) endpoints() map[string]bus.Endpoint {
	endpoints := map[string]bus.Endpoint{}
	for verb, handler := range map[string]bus.Handler{
		contract.VerbConnect:         bus.On(s.connect),
		contract.VerbSubscribe:       bus.On(s.subscribe),
		contract.VerbUnsubscribe:     bus.On(s.unsubscribe),
		contract.VerbDisconnect:      bus.On(s.disconnect),
		contract.VerbInfo:            bus.On(s.info),
		contract.VerbUserStatus:      bus.On(s.userStatus),
		contract.VerbUserState:       bus.On(s.userState),
		contract.VerbConfigure:       bus.On(s.configure),
		contract.VerbAttach:          bus.On(s.attachAll),
		contract.VerbJoin:            bus.On(s.join),
		contract.VerbLeave:           bus.On(s.leave),
		contract.VerbDetach:          bus.On(s.detach),
		contract.VerbLease:           bus.On(s.lease),
		contract.VerbCompare:         bus.On(s.compare),
		contract.VerbOverview:        bus.On(s.overview),
		contract.VerbListChannels:    bus.On(s.listChannels),
		contract.VerbListUsers:       bus.On(s.listUsers),
		contract.VerbListConnections: bus.On(s.listConnections),
		contract.VerbChronicle:       bus.On(s.tellChronicle),
	} {
		endpoints[verb] = bus.Endpoint{
			Subject: s.config.Namespace.Presence(verb), Handler: s.metrics.measured(verb, handler),
		}
	}
	endpoints[contract.VerbAnnounced] = bus.Endpoint{
		Subject: s.config.Namespace.PresenceReplica(s.id, contract.VerbAnnounced),
		Handler: s.metrics.measured(contract.VerbAnnounced, bus.On(s.announced)),
	}
	return endpoints
}

// Ready says whether this replica answers: nil or ErrNotReady.
func (s *Service) Ready(context.Context) error {
	if !s.serving.Load() {
		return ErrNotReady
	}
	return nil
}

// ErrNoLeader is what the check of the leader returns while no replica leads.
var ErrNoLeader = errors.New("no replica of presence leads: nobody is told who comes and goes")

// Shared checks what every replica needs: NATS, the buckets, and one that leads, which renews its lease by a write.
func (s *Service) Shared() map[string]serve.Check {
	ready := func(check serve.Check) serve.Check {
		return func(ctx context.Context) error {
			if err := s.Ready(ctx); err != nil {
				return err
			}
			return check(ctx)
		}
	}
	return map[string]serve.Check{
		"nats":    s.config.Conn.Check,
		"buckets": ready(func(ctx context.Context) error { return s.ledger.Check(ctx) }),
		"leader": ready(func(context.Context) error {
			if s.leaderLease() == nil {
				return ErrNoLeader
			}
			return nil
		}),
	}
}

// Package gateway is the service that holds client sockets and fans messages out to them.
//
// It promises that messages of one channel reach every session in one order, that publishing never waits for a client,
// and that a session that ends is reported to presence. It parses no message body.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engine"
	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/flash"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/sse"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/lease"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

// Config is what a gateway works with.
type Config struct {
	Settings     settings.Settings
	Conn         *bus.Conn // given, not owned
	Address      string    // where its HTTP port is, for people
	Version      string
	ClientScript []byte // the stock Socket.IO client, served beside the sockets; nil for none
	Logger       *slog.Logger
	Registry     prometheus.Registerer
}

// Service is a gateway.
type Service struct {
	// set at construction
	config    Config
	id        string
	namespace contract.Namespace
	started   time.Time
	hub       *hub.Hub
	feed      *feed.Feed
	book      *session.Book
	backlog   socket.Limits
	sockets   *websocket.Upgrader
	streams   sse.Config
	engine    *engine.Engine
	origins   edge.Origins
	transport edge.Transport
	desk      *admission.Desk
	observer  *metrics
	log       *slog.Logger

	lease     *lease.Keeper
	doubts    *doubts
	standing  *standing
	answering atomic.Bool // orders from presence are answered
	draining  atomic.Bool
}

// New makes a gateway; it works while Run does.
func New(c Config) (*Service, error) {
	s := &Service{
		config: c, id: c.Settings.NATS.GatewayID, namespace: contract.Namespace(c.Settings.NATS.Namespace),
		started: time.Now(), doubts: newDoubts(), standing: newStanding(c.Settings.Presence.LeaseTTL), origins: edge.NewOrigins(c.Settings.Access.AllowedOrigins).WithCredentials(), log: c.Logger,
	}
	if s.id == "" {
		s.id = rand.Text()
	}
	if err := s.namespace.Validate(); err != nil {
		return nil, fmt.Errorf("make a gateway: %w", err)
	}
	observer, err := newMetrics(c.Registry, s)
	if err != nil {
		return nil, fmt.Errorf("make a gateway: %w", err)
	}
	s.observer, s.desk, s.transport = observer, newDesk(c.Settings.Limits), edge.NewTransport(c.Settings.Access)
	s.hub = hub.New(hub.Config{
		HeartbeatEvery: c.Settings.Heartbeat.Interval, HeartbeatTimeout: c.Settings.Heartbeat.Timeout, Observer: observer,
	})
	s.feed = feed.New(feed.Config{
		Conn: c.Conn, Namespace: s.namespace, Hub: s.hub, Observer: observer, Logger: c.Logger,
		TapeBytes: c.Settings.Limits.TapeBytes, Halted: s.standing.lost,
	})
	s.book = session.NewBook(session.Config{
		Gateway: s.id, Namespace: s.namespace, Presence: newPresence(c.Conn, s.namespace, c.Logger),
		Feed: s.feed, Timeout: c.Settings.Timing.Request, MaxWaiting: c.Settings.Limits.MaxWaiting, MaxWait: c.Settings.Limits.MaxWait,
		Room: c.Settings.Limits.BacklogBytes, ResumeIn: c.Settings.Limits.ResumeTimeout, Returned: observer.Returned, Refused: observer.Refused, Logger: c.Logger,
	})
	s.lease = lease.New(lease.Config{
		Conn: c.Conn, Namespace: s.namespace, Timeout: c.Settings.Timing.Request,
		Request: s.leaseRequest, Renewed: s.renewed, Logger: c.Logger,
	})
	s.openTransports()
	return s, nil
}

func (s *Service) openTransports() {
	c := s.config.Settings
	s.backlog = socket.Limits{BacklogBytes: c.Limits.BacklogBytes, BacklogAge: c.Limits.BacklogAge}
	s.sockets = websocket.NewUpgrader(websocket.Config{
		Limits:      s.backlog,
		MaxFrame:    c.Limits.MaxFrame,
		PerSecond:   c.Limits.PacketsPerSecond,
		CheckOrigin: s.origins.Admits,
		Compression: c.Listen.Compression,
	})
	s.streams = sse.Config{Limits: s.backlog, Silence: c.Heartbeat.Interval + c.Heartbeat.Timeout}
	s.engine = engine.New(engine.Config{
		Hub: s.hub, Sockets: s.sockets, Transports: c.Clients.Transports,
		Dialog: &dialog.Config{
			Book:        s.book,
			Verify:      verifyUser(c.Access),
			MaxChannels: c.Limits.MaxChannels, MaxChannel: c.Limits.MaxChannel,
			MaxUser: c.Limits.MaxUser, MaxConnID: c.Limits.MaxConnID,
			Timeout: c.Timing.Request, Logger: s.log,
		},
		Polls:          polling.Limits{BacklogBytes: c.Limits.BacklogBytes, BacklogAge: c.Heartbeat.Interval + c.Heartbeat.Timeout},
		HeartbeatEvery: c.Heartbeat.Interval, HeartbeatWait: c.Heartbeat.Timeout,
		ConnectTimeout: c.Presence.ConnectTimeout, MaxPayload: c.Limits.MaxFrame, PerSecond: c.Limits.PacketsPerSecond,
		Origin: s.origins.Admits, Refuse: s.refuse, Ticket: s.ticket, Refused: s.refused,
	})
}

// verifyUser checks the signature of a user name: the demo's for names of its own form, and the app's for all others.
func verifyUser(c settings.Access) func(sig, user string) error {
	app := signature.NewVerifier(c.Secrets, c.UserSignatureMaxAge, signature.Leeway)
	demo := signature.NewVerifier(signature.DemoSecrets(c.Secrets), c.UserSignatureMaxAge, signature.Leeway)
	return func(sig, user string) error {
		if contract.OfDemo(user) {
			return demo.VerifyUser(sig, user, time.Now())
		}
		return app.VerifyUser(sig, user, time.Now())
	}
}

// ID names the gateway within its namespace.
func (s *Service) ID() string { return s.id }

// ErrNotReady is returned by Ready while the gateway takes no sessions.
var ErrNotReady = errors.New("the gateway takes no sessions now")

// Ready says whether new sessions could be taken, if all that it needs is there.
func (s *Service) Ready(context.Context) error {
	switch {
	case s.draining.Load():
		return fmt.Errorf("%w: it is draining", ErrNotReady)
	case !s.answering.Load():
		return fmt.Errorf("%w: it is starting", ErrNotReady)
	}
	return nil
}

// Shared checks what every gateway needs: NATS, and that presence writes down what it is told, and knows every word of it.
func (s *Service) Shared() map[string]serve.Check {
	return map[string]serve.Check{"nats": s.config.Conn.Check, "gateway lease": s.lease.Check, "contract": s.lease.CheckContract}
}

// refuse gives the reason why no new session is taken now, or "".
func (s *Service) refuse() contract.Reason {
	if s.draining.Load() {
		return contract.ReasonDraining
	}
	return ""
}

// Run works until ctx ends. Then it takes no more sessions, sends those it has away, spread over the drain window,
// tells presence, and returns.
func (s *Service) Run(ctx context.Context) error {
	// Each stage ends after the one before it: sessions, what they held, the orders about them, the feed.
	hubContext, endHub := context.WithCancel(context.WithoutCancel(ctx))
	bookContext, endBook := context.WithCancel(context.WithoutCancel(ctx))
	feedContext, endFeed := context.WithCancel(context.WithoutCancel(ctx))
	defer endFeed()
	defer endBook()
	defer endHub()

	var group errgroup.Group
	group.Go(func() error { return s.feed.Run(feedContext) })
	if c := s.config.Settings.Flash; c.PolicyServer {
		group.Go(func() error {
			return flash.Serve(ctx, c.PolicyHost, c.PolicyPort, s.config.Settings.Listen.Port, s.log)
		})
	}
	group.Go(func() error {
		defer endFeed()
		s.begin(bookContext)
		return s.book.Run(bookContext)
	})
	group.Go(func() error { defer endBook(); return s.hub.Run(hubContext) })
	group.Go(func() error {
		defer endHub()
		return s.serve(ctx, hubContext)
	})
	return group.Wait()
}

// serve keeps the lease and answers orders until ctx ends; then it drains, still answering.
func (s *Service) serve(ctx, answering context.Context) error {
	answering, stop := context.WithCancel(answering)
	defer stop()
	var group errgroup.Group
	group.Go(func() error { defer stop(); return s.answerOrders(answering) })
	group.Go(func() error { return s.lease.Run(answering) })
	group.Go(func() error { return s.keepStanding(answering) })
	group.Go(func() error { return s.keepAgreement(answering) })
	select {
	case <-ctx.Done():
		s.drain(answering)
	case <-answering.Done():
	}
	s.draining.Store(true)
	stop()
	return group.Wait()
}

func (s *Service) drain(ctx context.Context) {
	s.draining.Store(true)
	if n := s.hub.Sessions(); n > 0 {
		s.log.Info("sending clients away", "sessions", n, "over", s.config.Settings.Timing.Drain)
		s.hub.Spread(ctx, s.config.Settings.Timing.Drain, contract.ReasonDraining)
	}
}

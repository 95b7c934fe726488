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
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engine"
	"github.com/channelstream/channelstream/services/gateway/internal/engine09"
	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/flash"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/pace"
	"github.com/channelstream/channelstream/services/gateway/internal/relay"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/services/gateway/internal/stockclient"
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
	"github.com/channelstream/channelstream/shared/trace"
)

// Config is what a gateway works with.
type Config struct {
	Settings settings.Settings
	Conn     *bus.Conn // given, not owned
	Address  string    // where its HTTP port is, for people
	Version  string
	Clients  fs.FS // the stock Socket.IO clients, served beside the sockets; nil: those of the build
	Logger   *slog.Logger
	Registry prometheus.Registerer
	Tracer   *trace.Tracer // nil: nothing is traced
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
	engine09  *engine09.Engine
	clients   *stockclient.Shelf
	origins   edge.Origins
	strangers *strangers
	transport edge.Transport
	desk      *admission.Desk
	relay     *relay.Relay
	pace      *pace.Pace // of refusals
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
	if c.Clients == nil {
		c.Clients = stockclient.Embedded()
	}
	clients, err := stockclient.New(c.Clients)
	if err != nil {
		return nil, fmt.Errorf("make a gateway: %w", err)
	}
	s.clients = clients
	observer := newMetrics()
	s.observer, s.desk, s.transport = observer, newDesk(c.Settings.Limits), edge.NewTransport(c.Settings.Access)
	s.strangers = newStrangers(c.Logger)
	s.pace = pace.New(longestRefusal(c.Settings.Presence))
	s.hub = hub.New(hub.Config{
		HeartbeatEvery: c.Settings.Heartbeat.Interval, HeartbeatTimeout: c.Settings.Heartbeat.Timeout, Observer: observer,
	})
	s.feed = feed.New(feed.Config{
		Conn: c.Conn, Namespace: s.namespace, Hub: s.hub, Observer: observer, Logger: c.Logger,
		TapeBytes: c.Settings.Limits.TapeBytes, Halted: s.standing.lost, Tracer: c.Tracer,
	})
	s.lease = lease.New(lease.Config{
		Conn: c.Conn, Namespace: s.namespace, Timeout: c.Settings.Timing.Request,
		Request: s.leaseRequest, Renewed: s.renewed, Logger: c.Logger,
	})
	s.book = session.NewBook(session.Config{
		Gateway: s.id, Namespace: s.namespace, Presence: newPresence(c.Conn, s.namespace, s.lease.Doubt, c.Logger),
		Feed: s.feed, Timeout: c.Settings.Timing.Request, MaxWaiting: c.Settings.Limits.MaxWaiting, MaxWait: c.Settings.Limits.MaxWait,
		Room: c.Settings.Limits.BacklogBytes, ResumeIn: c.Settings.Limits.ResumeTimeout, Returned: observer.Returned, Refused: observer.Refused, Logger: c.Logger,
	})
	s.relay = relay.New(relay.Config{
		Conn: c.Conn, Namespace: s.namespace,
		Caller:  func(r *http.Request) string { return s.transport.Caller(r).String() },
		Silence: c.Settings.Timing.Request, Longest: c.Settings.Heartbeat.Interval + c.Settings.Heartbeat.Timeout,
		MaxBody: formOf * c.Settings.Limits.MaxFrame, Logger: c.Logger,
	})
	s.openTransports()
	if err := observer.register(c.Registry, s); err != nil {
		return nil, fmt.Errorf("make a gateway: %w", err)
	}
	return s, nil
}

// formOf is how much longer a payload may be that comes as a form, in which a byte may be written as three.
const formOf = 3

func (s *Service) openTransports() {
	c := s.config.Settings
	s.backlog = socket.Limits{BacklogBytes: c.Limits.BacklogBytes, BacklogAge: c.Limits.BacklogAge}
	s.sockets = websocket.NewUpgrader(websocket.Config{
		Limits:      s.backlog,
		MaxFrame:    c.Limits.MaxFrame,
		PerSecond:   c.Limits.PacketsPerSecond,
		CheckOrigin: s.admitsOrigin,
		Compression: c.Listen.Compression,
	})
	s.streams = sse.Config{Limits: s.backlog, Silence: c.Heartbeat.Interval + c.Heartbeat.Timeout}
	engines := engine.Config{
		Hub: s.hub, Sockets: s.sockets, Transports: c.Clients.Transports,
		Dialog: &dialog.Config{
			Book:        s.book,
			Verify:      verifyUser(c.Access),
			MaxChannels: c.Limits.MaxChannels, MaxChannel: c.Limits.MaxChannel,
			MaxUser: c.Limits.MaxUser, MaxConnID: c.Limits.MaxConnID,
			Timeout: c.Timing.Request, Pace: s.pace, Logger: s.log,
		},
		Polls:          polling.Limits{BacklogBytes: c.Limits.BacklogBytes, BacklogAge: c.Heartbeat.Interval + c.Heartbeat.Timeout},
		HeartbeatEvery: c.Heartbeat.Interval, HeartbeatWait: c.Heartbeat.Timeout,
		ConnectTimeout: c.Presence.ConnectTimeout, MaxPayload: c.Limits.MaxFrame, PerSecond: c.Limits.PacketsPerSecond,
		Origin: s.admitsOrigin, Refuse: s.refuse, Ticket: s.ticket, Refused: s.refused, Peers: s.relay,
	}
	s.engine, s.engine09 = engine.New(engines), engine09.New(engines, s.path09())
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

// refuse gives the reason why no new session of Socket.IO is taken now, or "". While presence does not do what it is asked none is
// even begun: a client that comes back may give up, or come twice, when it gets a session and then no connection.
func (s *Service) refuse() contract.Reason {
	switch {
	case s.draining.Load():
		return contract.ReasonDraining
	case s.lease.Fails():
		s.observer.Refused(string(contract.ReasonUnavailable))
		return contract.ReasonUnavailable
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

	relayed, err := s.relay.Listen(s.router())
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() error { return s.feed.Run(feedContext) })
	group.Go(func() error { return relayed.Run(bookContext) })
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
	s.relay.Drain()
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

// Relayed is how many requests of other gateways are served now.
func (s *Service) Relayed() int { return s.relay.Serving() }

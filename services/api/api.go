// Package api is the service that apps talk to: signed HTTP in, messages and requests on NATS out.
//
// It promises that nothing has changed after an answer of 4xx, that every message of a list is stored when /message
// answers 200 (or, for a channel with store_frames false, that NATS has it), that a message whose DELETE was answered
// with 200 is erased, and that an app which asks this process reads its own writes, its settings of channels included. It keeps no state but counters: any number of these processes may stand behind a load balancer.
package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/api/internal/access"
	"github.com/channelstream/channelstream/services/api/internal/admin"
	"github.com/channelstream/channelstream/services/api/internal/channels"
	"github.com/channelstream/channelstream/services/api/internal/erase"
	"github.com/channelstream/channelstream/services/api/internal/explain"
	"github.com/channelstream/channelstream/services/api/internal/history"
	"github.com/channelstream/channelstream/services/api/internal/publish"
	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/lease"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// Config is what a Service is made of.
type Config struct {
	Settings settings.Settings
	Version  string    // of the build
	Conn     *bus.Conn // stays the caller's
	Logger   *slog.Logger
	Registry prometheus.Registerer
	Tracer   *trace.Tracer // nil: no request is traced
}

// Service is the HTTP API. Make it with New; it is safe for use by many goroutines.
type Service struct {
	// set at construction
	conn      *bus.Conn
	ns        contract.Namespace
	version   string
	id        string // of this process, in its lease
	log       *slog.Logger
	gate      *access.Gate
	origins   edge.Origins
	transport edge.Transport
	accessLog bool // each answer is in the log
	limits    request.Limits
	maxBody   int64
	mark      string // begins what stands in an answer for the history of a channel; nobody else knows it
	timeout   time.Duration
	channels  *channels.View
	history   *history.Archive
	publisher *publish.Publisher
	eraser    *erase.Eraser
	described *described
	explainer *explain.Explainer
	metrics   *metrics
	tracer    *trace.Tracer // nil: no request is traced
	handler   http.Handler
	endpoints map[string]http.HandlerFunc   // by path
	kept      []bus.Kept                    // the message log and those of the history
	most      struct{ log, history uint64 } // bytes that they may hold
	lease     *lease.Keeper
	page      *admin.Page

	stores   atomic.Pointer[[]admin.Store] // what they held a moment ago
	open     atomic.Bool                   // the message log and those of the history are there
	accepted atomic.Uint64                 // messages
	seen     atomic.Uint64                 // highest revision in an answer of presence
}

// New makes a service that waits for Run and for requests to its Handler. It fails for a bad namespace, without a
// secret, and when its metrics are in the registry already.
func New(c Config) (*Service, error) {
	ns := contract.Namespace(c.Settings.NATS.Namespace)
	if err := ns.Validate(); err != nil {
		return nil, fmt.Errorf("make the api: %w", err)
	}
	if len(c.Settings.Access.Secrets) == 0 {
		return nil, errors.New("make the api: there is no secret, so that no request could be signed")
	}
	s := &Service{
		conn:    c.Conn,
		ns:      ns,
		version: c.Version,
		id:      rand.Text(),
		log:     c.Logger,
		gate:    access.New(c.Settings.Access),
		origins: edge.NewOrigins(c.Settings.Access.AllowedOrigins),
		tracer:  c.Tracer, transport: edge.NewTransport(c.Settings.Access), accessLog: c.Settings.Log.Access,
		limits:  limits(c.Settings.Limits),
		maxBody: int64(c.Settings.Limits.MaxBody),
		mark:    `"` + uuid.NewString() + ".",
		timeout: c.Settings.Timing.Request,
		kept: append(bus.HistoryLogs(ns, c.Settings.Messages, c.Settings.NATS.Replicas),
			bus.MessageLog(ns, c.Settings.Messages, c.Settings.NATS.Replicas)),
	}
	s.lease = lease.New(lease.Config{
		Conn: c.Conn, Namespace: ns, Timeout: s.timeout, Request: s.known(c.Settings.Listen), Logger: c.Logger,
	})
	s.channels = channels.New(s.log)
	s.keep(c)
	var err error
	if s.described, err = newDescribed(c.Settings); err != nil {
		return nil, fmt.Errorf("make the api: %w", err)
	}
	if s.metrics, err = newMetrics(c.Registry, s, c.Settings.Messages); err != nil {
		return nil, fmt.Errorf("make the api: %w", err)
	}
	if s.page, err = s.newPage(c); err != nil {
		return nil, err
	}
	var page http.Handler // here too, unless operators have a port of their own
	if c.Settings.Operator.Port == 0 {
		page = edge.NewTransport(c.Settings.Access).Guard(s.page)
	}
	s.handler = s.routes(page)
	return s, nil
}

// keep makes what stores messages and erases them.
func (s *Service) keep(c Config) {
	log := c.Conn.BindLog(s.ns.LogStream())
	s.history = history.New(history.Config{
		Conn: c.Conn, Logger: s.log, Namespace: s.ns, Messages: c.Settings.Messages,
		MaxAnswer: c.Settings.Limits.MaxHistoryAnswer, Timeout: s.timeout, Settings: s.channels.Settings,
	})
	s.publisher = publish.New(publish.Config{
		Conn: c.Conn, Log: log, History: s.history, Namespace: s.ns, Channels: s.channels,
	})
	s.eraser = &erase.Eraser{
		Namespace: s.ns, Log: log, Most: s.history.Most,
		History: func(channel string) erase.Log { return s.history.Log(channel) },
	}
	s.explainer = &explain.Explainer{
		Namespace: s.ns, Log: log, Presence: s.chronicle, Gateway: s.sessionsAt,
		History:  func(channel string) explain.Log { return s.history.Log(channel) },
		Stored:   func(channel string) bool { return s.channels.Settings(channel).StoreFrames },
		Patience: s.timeout / 4, Window: c.Settings.Messages.ResumeWindow,
	}
}

// known is how presence knows this process. What it counts shows in /info.
func (s *Service) known(at settings.Listen) func() contract.LeaseRequest {
	record := contract.LeaseRecord{
		ID: s.id, Kind: contract.LeaseAPI, Started: time.Now().UTC(), Version: s.version,
		Address: net.JoinHostPort(at.Host, strconv.Itoa(at.Port)),
	}
	return func() contract.LeaseRequest {
		record.Load.Accepted = s.accepted.Load()
		return contract.LeaseRequest{LeaseRecord: record}
	}
}

func limits(l settings.Limits) request.Limits {
	return request.Limits{
		Message: l.MaxMessage, Messages: l.MaxMessages, Channels: l.MaxChannels,
		User: l.MaxUser, Channel: l.MaxChannel, ConnID: l.MaxConnID,
	}
}

// Handler answers the requests of apps, and, where operators have no port of their own, theirs for the admin page.
func (s *Service) Handler() http.Handler { return s.handler }

// Pages is the admin page, for the port of operators.
func (s *Service) Pages() http.Handler { return s.page }

// ErrNotReady is returned by Ready before the logs are open and the settings of channels are known.
var ErrNotReady = errors.New("the logs are not open yet, or the settings of channels not read")

// Ready says whether requests could be answered once: nil or ErrNotReady.
func (s *Service) Ready(context.Context) error {
	if !s.open.Load() || !s.channels.Synced() {
		return ErrNotReady
	}
	return nil
}

// Shared checks what every api needs: NATS, the logs, and that presence writes down what it is told, and knows every word of it.
func (s *Service) Shared() map[string]serve.Check {
	return map[string]serve.Check{
		"nats":      s.conn.Check,
		"logs":      func(ctx context.Context) error { return s.conn.Has(ctx, s.kept...) },
		"api lease": s.lease.Check,
		"contract":  s.lease.CheckContract,
	}
}

// Run opens the logs, keeps the history short and the service known to presence, until ctx ends. It returns a
// settings.Fault for logs that can not be kept as they are configured.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.openLogs(ctx); err != nil {
			return err
		}
		return s.conn.Keep(ctx, s.kept...)
	})
	group.Go(func() error { s.weigh(ctx); return nil })
	group.Go(func() error { s.history.Run(ctx); return nil })
	group.Go(func() error { return s.lease.Run(ctx) })
	group.Go(func() error { return s.show(ctx) })
	group.Go(func() error { return s.page.Run(ctx) })
	group.Go(func() error { return s.channels.Run(ctx, s.conn, s.ns) })
	return group.Wait()
}

// openLogs makes the logs, or brings them up to date, trying until they are there or never will be.
func (s *Service) openLogs(ctx context.Context) error {
	outage := telemetry.NewOutage(s.log, "the logs could not be opened; trying again", "the logs are open")
	for {
		within, cancel := context.WithTimeout(ctx, openTimeout)
		err := s.conn.Open(within, s.kept...)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, bus.ErrUnavailable) {
			return err
		}
		if outage.Note(err); err == nil {
			s.open.Store(true)
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// openTimeout is enough for a cluster to elect a leader for each log.
const openTimeout = 30 * time.Second

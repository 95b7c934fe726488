// Package api is the service that apps talk to: signed HTTP in, messages and requests on NATS out.
//
// It promises that nothing has changed after an answer of 4xx, that every message of a list is stored when /message
// answers 200 (or, for a channel with store_frames false, that NATS has it), that a message whose DELETE was answered
// with 200 is erased, and that an app which asks this process reads its own writes, its settings of channels included. It keeps no state but counters: any number of these processes may stand behind a load balancer.
package api

import (
	"context"
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
	"github.com/channelstream/channelstream/services/api/internal/channels"
	"github.com/channelstream/channelstream/services/api/internal/erase"
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
)

// Config is what a Service is made of.
type Config struct {
	Settings settings.Settings
	Conn     *bus.Conn // stays the caller's
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Service is the HTTP API. Make it with New; it is safe for use by many goroutines.
type Service struct {
	// set at construction
	conn      *bus.Conn
	ns        contract.Namespace
	log       *slog.Logger
	gate      *access.Gate
	origins   edge.Origins
	limits    request.Limits
	maxBody   int64
	mark      string // begins what stands in an answer for the history of a channel; nobody else knows it
	timeout   time.Duration
	channels  *channels.View
	history   *history.Archive
	publisher *publish.Publisher
	eraser    *erase.Eraser
	metrics   *metrics
	handler   http.Handler
	kept      []bus.Kept // the message log and those of the history
	lease     *lease.Keeper

	open     atomic.Bool   // the message log and those of the history are there
	accepted atomic.Uint64 // messages
	seen     atomic.Uint64 // highest revision in an answer of presence
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
		log:     c.Logger,
		gate:    access.New(c.Settings.Access),
		origins: edge.NewOrigins(c.Settings.Access.AllowedOrigins),
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
	if s.metrics, err = newMetrics(c.Registry, s.accepted.Load); err != nil {
		return nil, fmt.Errorf("make the api: %w", err)
	}
	s.handler = s.routes()
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
}

// known is how presence knows this process. What it counts shows in /info.
func (s *Service) known(at settings.Listen) func() contract.LeaseRequest {
	record := contract.LeaseRecord{
		ID: uuid.NewString(), Kind: contract.LeaseAPI, Started: time.Now().UTC(),
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

// Handler answers the requests of apps.
func (s *Service) Handler() http.Handler { return s.handler }

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

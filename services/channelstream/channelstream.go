// Package channelstream is all of it in one process and on one port: an embedded NATS server, presence, api, gateway
// and, if wanted, the demo. It is composition only: each part is the one that also runs as a process of its own.
package channelstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/services/demo"
	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/process"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// Config is what the process works with. The settings must have a secret.
type Config struct {
	Settings settings.Settings
	Version  string
	Logger   *slog.Logger
	Stages   *serve.Stages // nil if nobody watches them
}

// Service is the whole.
type Service struct {
	config Config
	ports  *serve.Ports
}

// New binds the ports; it starts nothing.
func New(c Config) (*Service, error) {
	ports, err := serve.Bind(c.Settings)
	if err != nil {
		return nil, err
	}
	if c.Stages == nil {
		c.Stages = serve.NewStages()
	}
	return &Service{config: c, ports: ports}, nil
}

// URL is where the server answers.
func (s *Service) URL() string { return "http://" + s.ports.Addr().String() }

// parts are the services of one run, on connections of their own, as when they are processes.
type parts struct {
	presence, api, gateway process.Part
	demo                   *demo.Demo // nil if not wanted
	index                  http.Handler
	registry               *prometheus.Registry
}

// Run works until ctx ends. Then clients are sent away, what they held is noted, and NATS stops last.
func (s *Service) Run(ctx context.Context) error {
	defer s.ports.Close()
	source, stop, err := s.nats(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var conns []*bus.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	connect := func(name string) (*bus.Conn, error) {
		o := source
		o.Name, o.Logger = name, telemetry.Component(s.config.Logger, "bus")
		c, err := bus.Connect(ctx, o)
		if err == nil {
			conns = append(conns, c)
		}
		return c, err
	}
	log := telemetry.Component(s.config.Logger, "traces")
	tracer, err := trace.New(trace.Config{
		Settings: s.config.Settings.Traces, Service: "channelstream", Version: s.config.Version, Logger: log,
	})
	if err != nil {
		return err
	}
	defer process.CloseTracer(tracer, s.config.Settings.Timing.Shutdown, log)
	p, err := s.assemble(connect, tracer)
	if err != nil {
		return err
	}
	return s.run(ctx, p)
}

func (s *Service) assemble(connect func(name string) (*bus.Conn, error), tracer *trace.Tracer) (*parts, error) {
	p := &parts{registry: telemetry.NewRegistry()}
	part := func(service process.Service) (process.Part, error) {
		conn, err := connect(service.Name)
		if err != nil {
			return nil, err
		}
		if err := conn.Register(p.registry, service.Name); err != nil {
			return nil, err
		}
		return service.Make(process.Config{
			Settings: s.config.Settings, Version: s.config.Version, Address: s.ports.Addr().String(),
			Conn: conn, Logger: telemetry.Component(s.config.Logger, service.Name), Registry: p.registry, Tracer: tracer,
		})
	}
	var err error
	if p.presence, err = part(presence.Process); err != nil {
		return nil, err
	}
	if p.api, err = part(api.Process); err != nil {
		return nil, err
	}
	if p.gateway, err = part(gateway.Process); err != nil {
		return nil, err
	}
	if s.config.Settings.DemoOn() {
		p.demo, err = s.newDemo()
	}
	if err == nil {
		p.index, err = s.index(p.demo != nil)
	}
	return p, errors.Join(err, s.ports.Register(p.registry))
}

func (s *Service) newDemo() (*demo.Demo, error) {
	c, log := s.config.Settings, telemetry.Component(s.config.Logger, "demo")
	below := s.URL() + c.Listen.BasePath
	if c.Access.Generated {
		log.Info("the demo is on", "page", below+"/demo")
	} else {
		log.Warn(demo.Warning, "page", below+"/demo")
	}
	return demo.New(demo.Config{
		APIURL: below, PublicURL: c.Listen.PublicURL, Secret: c.Access.Secrets[0], Logger: log,
	})
}

// run runs the parts; presence ends after those that need it.
func (s *Service) run(ctx context.Context, p *parts) error {
	health := serve.Health{Ready: map[string]serve.Check{}, Shared: map[string]serve.Check{}}
	for name, part := range map[string]process.Part{"presence": p.presence, "api": p.api, "gateway": p.gateway} {
		health.Ready[name] = part.Ready
		maps.Copy(health.Shared, part.Shared())
	}
	operations := process.Operations(serve.Operations(health, p.registry, s.config.Version, s.config.Logger), p.presence, p.api, p.gateway)
	stages := s.config.Stages
	presenceContext, endPresence := context.WithCancel(context.WithoutCancel(ctx))
	defer endPresence()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(stages.Run("presence", func() error {
		err := p.presence.Run(presenceContext)
		if presenceContext.Err() == nil {
			return fmt.Errorf("presence ended by itself: %w", err)
		}
		return err
	}))
	group.Go(func() error {
		defer endPresence()
		if p.demo != nil {
			defer p.demo.Close()
		}
		others, ctx := errgroup.WithContext(ctx)
		others.Go(stages.Run("api", func() error { return p.api.Run(ctx) }))
		others.Go(stages.Run("gateway", func() error { return p.gateway.Run(ctx) }))
		others.Go(stages.Run("requests", func() error {
			awaitReady(ctx, health)
			return s.ports.Run(ctx, s.handler(p), operations, s.config.Logger)
		}))
		return others.Wait()
	})
	return group.Wait()
}

// startPatience is how long requests wait at the start, in the kernel, for all parts to be ready. After that they are answered
// by what is.
const startPatience = 10 * time.Second

// awaitReady returns when all is ready, or has not become so in time.
func awaitReady(ctx context.Context, health serve.Health) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for _, checks := range []map[string]serve.Check{health.Ready, health.Shared} {
		for _, check := range checks {
			for check(ctx) != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(2 * time.Millisecond):
				}
			}
		}
	}
}

// handler is the one port: the page at the root, the gateway's paths, the demo's, and the api's for the rest.
func (s *Service) handler(p *parts) http.Handler {
	sockets, app := p.gateway.Handler(), p.api.Handler()
	var page http.Handler
	if p.demo != nil {
		page = edge.NewTransport(s.config.Settings.Access).Guard(p.demo.Handler())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/":
			p.index.ServeHTTP(w, r)
		case gateway.Serves(s.config.Settings, path):
			sockets.ServeHTTP(w, r)
		case page != nil && demo.Serves(path):
			page.ServeHTTP(w, r)
		default:
			app.ServeHTTP(w, r)
		}
	})
}

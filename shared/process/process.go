// Package process runs one service as a process of its own: its ports, its connection to NATS, its health, and the order in
// which they begin and end. What differs from service to service is a Service; all else is the same for all.
package process

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// Service describes a service.
type Service struct {
	Name string
	// Private is a service that has no port but that of operators, and needs no secret: it is asked over NATS.
	Private bool
	Make    func(Config) (Part, error)
}

// Config is what a service is made of.
type Config struct {
	Settings settings.Settings
	Version  string
	Address  string    // where it answers, for people
	Conn     *bus.Conn // not closed by the service
	Logger   *slog.Logger
	Registry *prometheus.Registry
}

// Part is a service that was made. It works while Run does.
type Part interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
	Shared() map[string]serve.Check // what others of the kind need as well
	Handler() http.Handler          // nil for one that is private
}

// Program is the binary of a service.
func Program(s Service, version string) serve.Program {
	return serve.Program{Name: s.Name, Version: version, Serve: func(ctx context.Context, call serve.Call) error {
		p, err := New(s, call.Settings, version, call.Log)
		if err != nil {
			return err
		}
		return p.Run(ctx, call.Stages)
	}}
}

// Process is a service with its ports.
type Process struct {
	service Service
	config  Config
	ports   *serve.Ports
	log     *slog.Logger // of the whole process
}

// New binds the ports; it starts nothing. The processes of one installation must agree on the secret, so none makes one.
func New(s Service, c settings.Settings, version string, log *slog.Logger) (*Process, error) {
	bind := serve.Bind
	if s.Private {
		bind = serve.BindOperator
	} else if len(c.Access.Secrets) == 0 {
		return nil, settings.ErrNoSecret
	}
	ports, err := bind(c)
	if err != nil {
		return nil, err
	}
	return &Process{service: s, ports: ports, log: log, config: Config{
		Settings: c, Version: version, Address: ports.Addr().String(),
		Logger: telemetry.Component(log, s.Name), Registry: telemetry.NewRegistry(),
	}}, nil
}

// Addr is where the service answers, or its operators are answered.
func (p *Process) Addr() net.Addr { return p.ports.Addr() }

// Run serves until ctx ends. What was begun ends in reverse: requests and the service, then the connection to NATS.
func (p *Process) Run(ctx context.Context, stages *serve.Stages) error {
	defer p.ports.Close()
	conn, err := bus.Connect(ctx, bus.Options{
		URL: p.config.Settings.NATS.URL, Creds: p.config.Settings.NATS.CredsFile,
		Name: "channelstream-" + p.service.Name, Logger: telemetry.Component(p.log, "bus"),
	})
	if err != nil {
		return err
	}
	defer stages.Begin("the connection to NATS")()
	defer conn.Close() // what was subscribed to has ended with the service
	c := p.config
	c.Conn = conn
	part, err := p.service.Make(c)
	if err == nil {
		err = p.ports.Register(c.Registry)
	}
	if err != nil {
		return err
	}
	health := serve.Health{Ready: map[string]serve.Check{p.service.Name: part.Ready}, Shared: part.Shared()}
	operations := serve.Operations(health, c.Registry, c.Version, p.log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(stages.Run("the "+p.service.Name, func() error { return part.Run(ctx) }))
	group.Go(stages.Run("requests", func() error { return p.ports.Run(ctx, part.Handler(), operations, p.log) }))
	return group.Wait()
}

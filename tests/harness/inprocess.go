package harness

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// InProcess runs the nodes in the process of the test, each with a port and a NATS connection of its own, put together
// as their own commands do it.
type InProcess struct{}

// Name is that of the subtest.
func (InProcess) Name() string { return "in process" }

// CanKill says that no node can be killed alone.
func (InProcess) CanKill() bool { return false }

func (InProcess) start(k kind, environ []Option, log *logBook) (running, error) {
	ctx, cancel := context.WithCancel(context.Background())
	config, err := settings.Load(ctx, environ, "")
	if err != nil {
		cancel()
		return nil, err
	}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	ports, err := serve.Bind(config)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &inside{address: ports.Addr().String(), cancel: cancel, done: make(chan struct{})}
	go func() { // ends with cancel
		defer close(r.done)
		defer ports.Close()
		conn, err := bus.Connect(ctx, bus.Options{URL: config.NATS.URL, Name: string(k), Logger: telemetry.Component(logger, "bus")})
		if err != nil {
			r.err = err
			return
		}
		defer conn.Close()
		registry := telemetry.NewRegistry()
		p, err := assemble(k, config, conn, r.address, logger, registry)
		if err != nil {
			r.err = err
			return
		}
		operations := serve.Operations(serve.Health{Ready: map[string]serve.Check{string(k): p.ready}}, registry, "0.0.0", logger)
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return ports.Run(ctx, p.handler, operations, logger) })
		group.Go(func() error { return p.run(ctx) })
		r.err = group.Wait()
	}()
	return r, nil
}

// part is what a service offers to its command.
type part struct {
	run     func(context.Context) error
	ready   serve.Check
	handler http.Handler
}

func assemble(k kind, c settings.Settings, conn *bus.Conn, address string, log *slog.Logger, registry *prometheus.Registry) (part, error) {
	log = telemetry.Component(log, string(k))
	switch k {
	case kindAPI:
		s, err := api.New(api.Config{Settings: c, Conn: conn, Logger: log, Registry: registry})
		if err != nil {
			return part{}, err
		}
		return part{s.Run, s.Ready, s.Handler()}, nil
	case kindGateway:
		s, err := gateway.New(gateway.Config{
			Settings: c, Conn: conn, Address: address, Version: "0.0.0", Logger: log, Registry: registry,
		})
		if err != nil {
			return part{}, err
		}
		return part{s.Run, s.Ready, s.Handler()}, nil
	case kindPresence:
		s, err := presence.New(presence.Config{
			Namespace: contract.Namespace(c.NATS.Namespace), Replicas: c.NATS.Replicas, MaxChannels: c.Limits.MaxChannels,
			MaxUserChannels: c.Limits.MaxUserChannels, MaxState: c.Limits.MaxState,
			ConnectTimeout: c.Presence.ConnectTimeout, Linger: c.Presence.Linger, LeaseTTL: c.Presence.LeaseTTL,
			ResumeWindow: c.Messages.ResumeWindow, UserRetention: c.Presence.UserRetention, RequestTimeout: c.Timing.Request,
			Conn: conn, Logger: log, Registry: registry,
		})
		if err != nil {
			return part{}, err
		}
		return part{s.Run, s.Ready, http.NotFoundHandler()}, nil
	}
	return part{}, fmt.Errorf("no service is called %q", k)
}

// inside is a node in this process.
type inside struct {
	// set at construction
	address string
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended

	err error // set before done is closed
}

func (r *inside) Address() string       { return r.address }
func (r *inside) Interrupt()            { r.cancel() }
func (r *inside) Kill()                 { r.cancel() }
func (r *inside) Done() <-chan struct{} { return r.done }
func (r *inside) Err() error            { return r.err }

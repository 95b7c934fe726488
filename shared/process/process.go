// Package process runs one service as a process of its own: its ports, its connection to NATS, its health, and the order in
// which they begin and end. What differs from service to service is a Service; all else is the same for all.
package process

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
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
	Tracer   *trace.Tracer // nil: nothing is traced
}

// Part is a service that was made. It works while Run does.
type Part interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
	Shared() map[string]serve.Check // what others of the kind need as well
	Handler() http.Handler          // nil for one that is private
}

// Paged is a Part with pages for operators, which are served where its process answers them alone, and nowhere else.
type Paged interface {
	Pages() http.Handler
}

// Operations is what the operators of some parts are answered, with the pages of those that have some.
func Operations(operations http.Handler, parts ...Part) http.Handler {
	for _, part := range parts {
		if paged, has := part.(Paged); has {
			operations = serve.WithPages(paged.Pages(), operations)
		}
	}
	return operations
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

// Run serves until ctx ends. It listens at once, and says so to whoever asks while NATS does not answer. What was begun ends in
// reverse: requests and the service, then the connection to NATS.
func (p *Process) Run(ctx context.Context, stages *serve.Stages) error {
	defer p.ports.Close()
	front := newFront(p.operations(serve.Health{Ready: map[string]serve.Check{p.service.Name: notConnected}}))
	tracer, err := trace.New(trace.Config{
		Settings: p.config.Settings.Traces, Service: "channelstream-" + p.service.Name, Version: p.config.Version, Logger: telemetry.Component(p.log, "traces"),
	})
	if err != nil {
		return err
	}
	p.config.Tracer = tracer
	var conn *bus.Conn // set by the one goroutine, closed when it has ended
	group, ctx := errgroup.WithContext(ctx)
	group.Go(stages.Run("the "+p.service.Name, func() (err error) {
		conn, err = bus.Connect(ctx, bus.Options{
			URL: p.config.Settings.NATS.URL, Creds: p.config.Settings.NATS.CredsFile,
			Name: "channelstream-" + p.service.Name, Logger: telemetry.Component(p.log, "bus"),
		})
		switch {
		case ctx.Err() != nil:
			return nil // stopped before it began
		case err != nil:
			return err
		}
		return p.work(ctx, conn, front)
	}))
	group.Go(stages.Run("requests", func() error {
		return p.ports.Run(ctx, front.service(p.config.Settings.Timing.Request), front.operator(), p.log)
	}))
	err = group.Wait()
	if conn != nil {
		end := stages.Begin("the connection to NATS")
		if late := drain(conn, p.config.Settings.Timing.Shutdown/drainShare); late != nil { // whoever asked asks another
			p.log.Warn("not all that NATS gave to this process may be answered", "error", late)
		}
		end()
	}
	if tracer != nil {
		end := stages.Begin("traces")
		CloseTracer(tracer, p.config.Settings.Timing.Shutdown, p.log)
		end()
	}
	return err
}

// traceShare is the share of a stop that the collector of traces has, behind all.
const traceShare = 16

// CloseTracer ends a tracer, which may be nil, in a small share of the time of a stop, also when the collector is away.
func CloseTracer(t *trace.Tracer, stop time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), stop/traceShare)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("the last traces are lost", "error", err)
	}
}

// drainShare is the share of a stop that the connection to NATS has, when all else has ended.
const drainShare = 4

// drain has the requests answered that NATS gave to this process before it knew that there is no service any more.
func drain(conn *bus.Conn, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return conn.Drain(ctx)
}

// work makes the service, shows it, and runs it.
func (p *Process) work(ctx context.Context, conn *bus.Conn, front *front) error {
	c := p.config
	c.Conn = conn
	part, err := p.service.Make(c)
	if err == nil {
		err = errors.Join(p.ports.Register(c.Registry), conn.Register(c.Registry, p.service.Name))
	}
	if err != nil {
		return err
	}
	front.begin(part.Handler(), Operations(p.operations(serve.Health{
		Ready: map[string]serve.Check{p.service.Name: part.Ready}, Shared: part.Shared(),
	}), part))
	return part.Run(ctx)
}

func (p *Process) operations(h serve.Health) http.Handler {
	return serve.Operations(h, p.config.Registry, p.config.Version, p.log)
}

// errNotConnected is why a process is not ready that has not reached NATS yet.
var errNotConnected = errors.New("NATS has not answered yet")

func notConnected(context.Context) error { return errNotConnected }

// front is what answers now. It is safe for use by many goroutines.
type front struct {
	handlers atomic.Pointer[[2]http.Handler]
	begun    chan struct{} // closed when the service is there
}

func newFront(operator http.Handler) *front {
	f := &front{begun: make(chan struct{})}
	f.handlers.Store(&[2]http.Handler{nil, operator})
	return f
}

// begin shows the service, once.
func (f *front) begin(service, operator http.Handler) {
	f.handlers.Store(&[2]http.Handler{service, operator})
	close(f.begun)
}

// service answers clients and apps. Those who come before the service wait for it, for so long at most.
func (f *front) service(patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if service := f.handlers.Load()[0]; service != nil {
			service.ServeHTTP(w, r)
			return
		}
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case <-f.begun:
			f.handlers.Load()[0].ServeHTTP(w, r)
		case <-late.C:
			edge.WriteFault(w, contract.Unavailable("The service is starting: NATS has not answered yet."))
		case <-r.Context().Done():
		}
	})
}

func (f *front) operator() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.handlers.Load()[1].ServeHTTP(w, r) })
}

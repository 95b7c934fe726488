package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// Ports are the listeners of a process: that of its service and that of its operators, which may be one.
type Ports struct {
	settings settings.Settings
	service  net.Listener // nil for a process that only operators ask
	operator net.Listener // nil where operators ask at the service's
	limit    *fileLimit
	bodies   *bodies
}

func newPorts(s settings.Settings) *Ports {
	return &Ports{settings: s, limit: newFileLimit(), bodies: newBodies(s, FileLimit)}
}

// Bind binds the ports of a service.
func Bind(s settings.Settings) (*Ports, error) {
	service, err := Listen(s.Listen.Host, s.Listen.Port)
	if err != nil {
		return nil, err
	}
	p := newPorts(s)
	if s.Operator.Port != 0 {
		if p, err = BindOperator(s); err != nil {
			return nil, errors.Join(err, service.Close())
		}
	}
	p.service = service
	return p, nil
}

// BindOperator binds the port of a process that only operators ask.
func BindOperator(s settings.Settings) (*Ports, error) {
	host, port := s.OperatorAddress()
	l, err := Listen(host, port)
	if err != nil {
		return nil, err
	}
	p := newPorts(s)
	p.operator = l
	return p, nil
}

// Register lets a registry have the metrics of the ports.
func (p *Ports) Register(registry prometheus.Registerer) error {
	return errors.Join(registry.Register(p.limit.hits), registry.Register(p.bodies.evicted))
}

// Addr is where the service answers, or, if it has no port, its operators are answered.
func (p *Ports) Addr() net.Addr {
	if p.service == nil {
		return p.operator.Addr()
	}
	return p.service.Addr()
}

// Close gives the ports up. After Run it does nothing.
func (p *Ports) Close() {
	for _, l := range []net.Listener{p.service, p.operator} {
		if l != nil {
			l.Close() //nolint:errcheck // a second close after the server's own
		}
	}
}

// Run serves the service below its base path, and what operators ask (see Operations), until ctx ends. What changes the
// process, or looks into it, is there only on a port that is configured for operators.
func (p *Ports) Run(ctx context.Context, service, operations http.Handler, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	run := func(l net.Listener, h http.Handler, component string) {
		log := telemetry.Component(log, component)
		server := New(watchedListener{l, p.limit, log}, h, log)
		server.bodies = p.bodies
		server.Grace = p.settings.Timing.Shutdown * 2 / 3 // the rest is for what ends behind requests
		group.Go(func() error { return server.Run(ctx) })
	}
	if p.settings.Operator.Port != 0 {
		operations = controls(ctx, operations, log)
	}
	if p.operator != nil {
		run(p.operator, operations, "operator")
	}
	if p.service != nil {
		service = edge.Below(p.settings, service)
		if p.operator == nil {
			service = withOperations(operations, service)
		}
		run(p.service, service, "http")
	}
	return group.Wait()
}

// WithPages puts pages for operators, which are below /admin, before what else they ask for.
func WithPages(pages, operations http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/admin" || strings.HasPrefix(r.URL.Path, "/admin/") {
			pages.ServeHTTP(w, r)
			return
		}
		operations.ServeHTTP(w, r)
	})
}

// withOperations puts the operator's paths before a handler that answers everything else.
func withOperations(operations, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics", "/version":
			operations.ServeHTTP(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
}

package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/channelstream/channelstream/shared/edge"
)

const (
	checkTimeout       = 2 * time.Second
	healthcheckTimeout = 5 * time.Second
)

// Check returns why something is not well, or nil. It must heed the end of ctx.
type Check func(ctx context.Context) error

// Health says by name what makes a process live (else it should be restarted) and ready (else it should get no new
// work). All are read only once they are served.
type Health struct {
	Live  map[string]Check
	Ready map[string]Check
	// Shared is what other processes of the kind need as well. Once all is well, a fault in it makes the process degraded, and
	// not unready: a proxy that took it out would take all out, and nobody would answer.
	Shared map[string]Check
}

// Operations returns a handler for what the operator asks: GET /healthz and /readyz (200, or 503 with the names of
// the failing checks; the reasons go to the log, as they may hold addresses), /metrics and /version.
func Operations(health Health, registry *prometheus.Registry, version string, log *slog.Logger) http.Handler {
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelError),
		EnableOpenMetrics: true, // for who asks for it, since exemplars are in no other text
	})
	r := edge.NewRouter()
	edge.Read(r, "/healthz", checks(health.Live, nil, log))
	edge.Read(r, "/readyz", checks(health.Ready, health.Shared, log))
	edge.Read(r, "/metrics", metrics.ServeHTTP)
	edge.Read(r, "/version", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, Build(version)) })
	return r
}

// probe answers whether checks pass.
type probe struct {
	own, shared map[string]Check
	log         *slog.Logger

	mu      sync.Mutex
	failing map[string]bool // at the last answer; guarded by mu
	wasWell bool            // all of it, once; guarded by mu
}

func checks(own, shared map[string]Check, log *slog.Logger) http.HandlerFunc {
	p := &probe{own: own, shared: shared, log: log, failing: map[string]bool{}}
	return p.answer
}

func (p *probe) answer(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	faults := p.run(ctx)
	body := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks,omitempty"`
	}{Checks: map[string]string{}}
	for name, err := range faults {
		body.Checks[name] = "ok"
		if err != nil {
			body.Checks[name] = "failing"
		}
	}
	status := http.StatusOK
	if body.Status = p.judge(faults); body.Status == statusFailing {
		status = http.StatusServiceUnavailable
	}
	write(w, status, body)
}

// run runs all checks at once, and gives their outcomes when the slowest is done or ctx ends.
func (p *probe) run(ctx context.Context) map[string]error {
	type outcome struct {
		name string
		err  error
	}
	outcomes := make(chan outcome, len(p.own)+len(p.shared))
	for _, some := range []map[string]Check{p.own, p.shared} {
		for name, check := range some {
			go func() { outcomes <- outcome{name, check(ctx)} }() // ends with ctx at the latest
		}
	}
	faults := make(map[string]error, cap(outcomes))
	for range cap(outcomes) {
		o := <-outcomes
		faults[o.name] = o.err
	}
	return faults
}

// The words of a status.
const (
	statusOK       = "ok"
	statusDegraded = "degraded"
	statusFailing  = "failing"
)

// judge gives the status. It logs when a check begins to fail and when it is well again, however often it is asked.
func (p *probe) judge(faults map[string]error) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	failing, ownFault := false, false
	for name, err := range faults {
		switch was := p.failing[name]; {
		case err != nil && !was:
			p.log.Warn("health check failed", "check", name, "error", err)
		case err == nil && was:
			p.log.Info("health check is well again", "check", name)
		}
		p.failing[name] = err != nil
		if err != nil {
			_, own := p.own[name]
			failing, ownFault = true, ownFault || own
		}
	}
	switch {
	case !failing:
		p.wasWell = true
		return statusOK
	case p.wasWell && !ownFault:
		return statusDegraded
	}
	return statusFailing
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Cache-Control", "no-store")
	_ = edge.WriteJSON(w, status, answer) // these always encode
}

// BuildInfo says what is running.
type BuildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
}

// Build returns version, or "devel" for none, and what the toolchain recorded.
func Build(version string) BuildInfo {
	if version == "" {
		version = "devel"
	}
	build := BuildInfo{Version: version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				build.Revision = setting.Value
			}
		}
	}
	return build
}

// Healthcheck asks url, as an image without a shell has to, and returns an error unless the answer is 200.
func Healthcheck(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy: the server is this machine's
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("check health: %s: %s", response.Status, body)
	}
	return nil
}

// ReadyURL is where a server that listens on host and port is asked from its own machine.
func ReadyURL(host string, port int) string {
	switch addr, _ := netip.ParseAddr(host); {
	case addr == netip.IPv6Unspecified():
		host = "::1"
	case host == "" || addr.IsUnspecified():
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/readyz"
}

// Package harness starts Channelstream for tests, in process and over real sockets: the code under test is what the
// binaries run.
package harness

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/services/channelstream"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
)

// Secret is what every system of the harness is signed with.
const Secret = "harness secret"

// Option is one configuration key as an operator writes it: "CHANNELSTREAM_LINGER=1s". It replaces a default of the
// harness.
type Option = string

// allInOneDefaults keep a test short: a free port, quick heartbeats and no waiting at the end.
var allInOneDefaults = []Option{
	"CHANNELSTREAM_SECRET=" + Secret,
	"CHANNELSTREAM_HOST=127.0.0.1",
	"CHANNELSTREAM_PORT=0",
	"CHANNELSTREAM_DEMO=false",
	"CHANNELSTREAM_HEARTBEAT_INTERVAL=1s",
	"CHANNELSTREAM_HEARTBEAT_TIMEOUT=2s",
	"CHANNELSTREAM_CONNECT_TIMEOUT=5s",
	"CHANNELSTREAM_LINGER=2s",
	"CHANNELSTREAM_LEASE_TTL=2s",
	"CHANNELSTREAM_DRAIN_WINDOW=0s",
	"CHANNELSTREAM_LOG_LEVEL=warn",
}

// System is a running Channelstream.
type System struct {
	URL    string // http://127.0.0.1:port, without a slash at the end
	Secret string
	Client *client.Client
	Stop   func() // stops it and waits; called again at the end of the test, when it does nothing
}

// AllInOne runs the all-in-one until the end of the test. It returns when the system is ready.
func AllInOne(t testing.TB, options ...Option) *System {
	t.Helper()
	environ := append(append([]string{}, allInOneDefaults...), "CHANNELSTREAM_DATA_DIR="+t.TempDir())
	config, err := settings.Load(t.Context(), append(environ, options...), "")
	if err != nil {
		t.Fatalf("load settings: %v", err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	service, err := channelstream.New(channelstream.Config{Settings: config, Version: "0.0.0", Logger: log})
	if err != nil {
		t.Fatalf("make the all-in-one: %v", err)
	}
	s := &System{URL: service.URL(), Secret: config.Access.Secrets[0]}
	s.Stop = background(t, service.Run)
	ready := s.URL + "/readyz"
	if config.Operator.Port != 0 {
		ready = serve.ReadyURL(config.OperatorAddress())
	}
	awaitReady(t, ready)
	s.Client = Client(t, s.URL, s.Secret, options...)
	return s
}

// AllInOne runs the all-in-one as a process of its own until the end of the test. It returns when the system is ready.
func (p *Processes) AllInOne(t testing.TB, options ...Option) *Node {
	t.Helper()
	environ := slices.Concat(allInOneDefaults, []Option{
		Setting("DATA_DIR", t.TempDir()),
		Setting("LOG_LEVEL", "info"), Setting("LOG_FORMAT", "json"), // so that the log says where it listens
	}, options)
	n := &Node{Name: "all-in-one", t: t, secret: Secret, form: p, kind: kindAllInOne, environ: environ, log: newLog()}
	t.Cleanup(n.end)
	n.Start()
	return n
}

// Fails starts an all-in-one that is expected to end by itself, and gives its exit code and what it logged.
func (p *Processes) Fails(t testing.TB, options ...Option) (code int, log string) {
	t.Helper()
	if err := p.buildAllInOne(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, string(kindAllInOne)))
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.dir, slices.Concat(allInOneDefaults, options), dieWithParent()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("it did not end with an exit code: %v\n%s", err, out)
	}
	return exit.ExitCode(), string(out)
}

// background runs something until the returned function is called, which waits for its end, or the test ends.
func background(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// startPatience is how long a system may take to become ready on a busy machine.
const startPatience = 30 * time.Second

func awaitReady(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !isReady(ctx, url) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s was not ready within %v", url, startPatience)
		case <-again.C:
		}
	}
}

func isReady(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	own := &http.Transport{DisableKeepAlives: true} // leaves no connection behind
	response, err := (&http.Client{Transport: own}).Do(request)
	if err != nil {
		return false
	}
	response.Body.Close() //nolint:errcheck // only the status counts
	return response.StatusCode == http.StatusOK
}

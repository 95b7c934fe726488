package serve_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/serve"
)

var quiet = slog.New(slog.DiscardHandler)

// start runs a server and returns its URL, what ends it, and what Run returned.
func start(t *testing.T, h http.Handler, grace time.Duration) (url string, stop context.CancelFunc, done <-chan error) {
	t.Helper()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	server := serve.New(l, h, quiet)
	server.Grace = grace
	result, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		result <- server.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		within(t, "end", ended)
	})
	return "http://" + server.Addr().String(), cancel, result
}

func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing within 10 s", what)
		panic("unreachable")
	}
}

// get asks without keeping the connection, so that no test sees another's.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close() //nolint:errcheck // read only
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(content)
}

func TestRunFinishesOpenRequests(t *testing.T) {
	t.Parallel()
	entered, release, answered := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	url, stop, done := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "whole")
	}), time.Minute)
	go func() {
		_, body := get(t, url)
		answered <- body
	}()
	within(t, "request", entered)
	stop()
	refused(t, strings.TrimPrefix(url, "http://"))
	close(release)
	if body := within(t, "answer", answered); body != "whole" {
		t.Errorf("answer %q", body)
	}
	if err := within(t, "Run", done); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// refused waits until nobody listens at address.
func refused(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("still listening after the stop")
}

func TestRunCutsOffWhatOutlastsGrace(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan struct{})
	url, stop, done := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	}), time.Millisecond)
	failed := make(chan error, 1)
	go func() {
		response, err := http.Get(url) //nolint:noctx // cut off by the server
		if err == nil {
			_ = response.Body.Close()
		}
		failed <- err
	}()
	within(t, "request", entered)
	stop()
	if err := within(t, "Run", done); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run = %v", err)
	}
	if err := within(t, "client", failed); err == nil {
		t.Error("the request was answered")
	}
	within(t, "handler", left)
}

func TestRunEndsWhenItNeverServed(t *testing.T) {
	t.Parallel()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve.New(l, http.NotFoundHandler(), quiet).Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	refused(t, l.Addr().String())
}

func TestRunReportsBrokenListener(t *testing.T) {
	t.Parallel()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := serve.New(l, http.NotFoundHandler(), quiet).Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run = %v", err)
	}
}

func TestListenReportsTakenPort(t *testing.T) {
	t.Parallel()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only held
	second, err := serve.Listen("127.0.0.1", l.Addr().(*net.TCPAddr).Port)
	if err == nil {
		_ = second.Close()
		t.Error("bound twice")
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, http.NotFoundHandler(), 10*time.Second)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("X-Huge", strings.Repeat("x", 64<<10))
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return // cut off while it was still sending
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

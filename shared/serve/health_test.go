package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/telemetry"
)

func well(context.Context) error { return nil }

func ask(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return recorder
}

func TestLiveAndReadyAreSeparate(t *testing.T) {
	t.Parallel()
	h := serve.Operations(serve.Health{
		Live:  map[string]serve.Check{"loop": well},
		Ready: map[string]serve.Check{"buckets": well, "nats": func(context.Context) error { return errors.New("nats://user:password@one") }},
	}, telemetry.NewRegistry(), "1.2.3", quiet)
	live, ready := ask(t, h, "GET", "/healthz"), ask(t, h, "GET", "/readyz")
	if live.Code != http.StatusOK || strings.TrimSpace(live.Body.String()) != `{"status":"ok","checks":{"loop":"ok"}}` {
		t.Errorf("healthz: %d %s", live.Code, live.Body)
	}
	const failing = `{"status":"failing","checks":{"buckets":"ok","nats":"failing"}}`
	if ready.Code != http.StatusServiceUnavailable || strings.TrimSpace(ready.Body.String()) != failing {
		t.Errorf("readyz: %d %s", ready.Code, ready.Body)
	}
}

func TestStuckCheckFailsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := serve.Operations(serve.Health{Ready: map[string]serve.Check{"nats": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}}, telemetry.NewRegistry(), "", quiet)
		if got := ask(t, h, "GET", "/readyz"); got.Code != http.StatusServiceUnavailable {
			t.Errorf("readyz: %d %s", got.Code, got.Body)
		}
	})
}

func TestMetricsAndVersion(t *testing.T) {
	t.Parallel()
	h := serve.Operations(serve.Health{}, telemetry.NewRegistry(), "1.2.3", quiet)
	if got := ask(t, h, "GET", "/metrics"); !strings.Contains(got.Body.String(), "go_goroutines ") {
		t.Errorf("metrics: %d %.200s", got.Code, got.Body)
	}
	var build serve.BuildInfo
	got := ask(t, h, "GET", "/version")
	if err := json.Unmarshal(got.Body.Bytes(), &build); err != nil || build.Version != "1.2.3" || build.Go == "" {
		t.Errorf("version: %s, %v", got.Body, err)
	}
	if got := ask(t, h, "POST", "/healthz"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.Code)
	}
}

func TestHealthcheckAsksOverHTTP(t *testing.T) {
	t.Parallel()
	healthy := httptest.NewServer(serve.Operations(serve.Health{}, telemetry.NewRegistry(), "", quiet))
	t.Cleanup(healthy.Close)
	if err := serve.Healthcheck(t.Context(), healthy.URL+"/readyz"); err != nil {
		t.Errorf("Healthcheck: %v", err)
	}
	for _, url := range []string{healthy.URL + "/elsewhere", "http://127.0.0.1:1/readyz", "::"} {
		if err := serve.Healthcheck(t.Context(), url); err == nil {
			t.Errorf("Healthcheck(%s) did not fail", url)
		}
	}
}

func TestReadyURLReachesWildcardListeners(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"":            "http://127.0.0.1:80/readyz",
		"0.0.0.0":     "http://127.0.0.1:80/readyz",
		"::":          "http://[::1]:80/readyz",
		"10.0.0.1":    "http://10.0.0.1:80/readyz",
		"example.com": "http://example.com:80/readyz",
	}
	for host, url := range want {
		if got := serve.ReadyURL(host, 80); got != url {
			t.Errorf("ReadyURL(%q) = %q, want %q", host, got, url)
		}
	}
}

// Probes ask every few seconds, and a log that repeats itself is not read.
func TestAFailingCheckIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	var fault error
	h := serve.Operations(serve.Health{Ready: map[string]serve.Check{"nats": func(context.Context) error { return fault }}},
		telemetry.NewRegistry(), "", slog.New(slog.NewTextHandler(&lines, nil)))
	for _, fault = range []error{nil, errors.New("gone"), errors.New("gone"), nil, nil} {
		ask(t, h, "GET", "/readyz")
	}
	if failed, well := strings.Count(lines.String(), "failed"), strings.Count(lines.String(), "well again"); failed != 1 || well != 1 {
		t.Errorf("logged %d and %d times:\n%s", failed, well, &lines)
	}
}

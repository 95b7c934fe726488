//go:build unix

package compat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestTheSeedsPageInABrowser(t *testing.T) {
	t.Parallel()
	site := &site09{reports: make(chan []byte, 1)}
	server := httptest.NewServer(site.handler())
	t.Cleanup(server.Close)
	site.system = harness.AllInOne(t, transports09, "CHANNELSTREAM_ALLOWED_ORIGINS="+server.URL)

	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	ended := browse(ctx, t, server.URL)
	var report []byte
	select {
	case report = <-site.reports:
	case err := <-ended:
		t.Fatalf("the browser ended without a report: %v", err)
	}
	cancel()
	<-ended
	outcomes := decode(t, report)
	if least := casesOfSeed09 * transportsOf09; len(outcomes) < least {
		t.Errorf("%d cases were run, fewer than %d", len(outcomes), least)
	}
	for _, o := range outcomes {
		t.Run(o.Case, func(t *testing.T) {
			if o.Error != "" {
				t.Error(o.Error)
			}
		})
	}
}

// browse opens a page in Chromium until ctx ends, and says when that is over.
func browse(ctx context.Context, t *testing.T, url string) (ended <-chan error) {
	t.Helper()
	chromium := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), url)
	chromium.WaitDelay = 5 * time.Second
	chromium.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it is many processes, which end together
	chromium.Cancel = func() error { return syscall.Kill(-chromium.Process.Pid, syscall.SIGKILL) }
	if err := chromium.Start(); errors.Is(err, exec.ErrNotFound) {
		t.Fatal(`Chromium is not installed: run "make apt-deps"`)
	} else if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- chromium.Wait() }()
	return over
}

// site09 is the app of the page, from an origin of its own.
type site09 struct {
	system  *harness.System
	reports chan []byte
}

func (s *site09) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!DOCTYPE html><script src="/socket.io.js"></script><body><script type="module" src="/seed09_browser.js"></script>`)
	})
	for path, file := range map[string]string{
		"/socket.io.js":      "node_modules/socket.io-client-0.9/dist/socket.io.js",
		"/seed09_browser.js": "seed09_browser.js", "/seed09.js": "seed09.js",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"url":%q}`, s.system.URL) })
	mux.HandleFunc("POST /sign", func(w http.ResponseWriter, r *http.Request) {
		user, _ := io.ReadAll(r.Body) //nolint:errcheck // the page says what it got
		fmt.Fprint(w, signature.Sign(s.system.Secret, string(user), time.Now()))
	})
	mux.HandleFunc("POST /app/{endpoint}", s.app)
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		report, _ := io.ReadAll(r.Body) //nolint:errcheck // fewer cases fail the test
		s.reports <- report
	})
	return mux
}

// app calls the HTTP API for the page.
func (s *site09) app(w http.ResponseWriter, r *http.Request) {
	path := "/" + r.PathValue("endpoint")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call, err := http.NewRequestWithContext(r.Context(), http.MethodPost, s.system.URL+path, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	call.Header.Set("Content-Type", "application/json")
	call.Header.Set("X-Channelstream-Secret", signature.Sign(s.system.Secret, path, time.Now()))
	answer, err := http.DefaultClient.Do(call)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body) //nolint:errcheck // the page has gone then
}

package serve_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

// watched serves with a logger whose level can be changed, until the end of the test.
func watched(t *testing.T, ports *serve.Ports) (log *slog.Logger, journal *telemetrytest.Journal, stop func() error) {
	t.Helper()
	journal = &telemetrytest.Journal{}
	level, err := telemetry.ParseLevel("warn")
	if err != nil {
		t.Fatal(err)
	}
	log = telemetry.NewLogger(journal, level, "text")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	operations := serve.Operations(serve.Health{}, telemetry.NewRegistry(), "1.2.3", log)
	go func() { ended <- ports.Run(ctx, service(), operations, log) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		defer ports.Close()
		return within(t, "end", ended)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return log, journal, stop
}

// send makes a request with a method and a body.
func send(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestOperatorsChangeTheLevelOfLogging(t *testing.T) {
	t.Parallel()
	operator := free(t)
	ports, err := serve.Bind(onPorts(operator))
	if err != nil {
		t.Fatal(err)
	}
	log, journal, _ := watched(t, ports)
	at := "http://127.0.0.1:" + strconv.Itoa(operator) + "/log-level"
	if status, level := get(t, at); status != http.StatusOK || level != "warn\n" {
		t.Errorf("the level is %d %q", status, level)
	}
	for _, word := range []string{"debug", "error\n", "INFO"} {
		want := strings.ToLower(strings.TrimSpace(word))
		if status, level := send(t, http.MethodPut, at, word); status != http.StatusOK || level != want+"\n" {
			t.Errorf("put %q: %d %q", word, status, level)
		}
		if _, level := get(t, at); level != want+"\n" {
			t.Errorf("after %q it is %q", word, level)
		}
		if debug := log.Enabled(t.Context(), slog.LevelDebug); debug != (want == "debug") {
			t.Errorf("after %q debug is on: %t", word, debug)
		}
	}
	for _, word := range []string{"", "loud", "debug info", strings.Repeat("x", 1000)} {
		status, answer := send(t, http.MethodPut, at, word)
		if status != http.StatusUnprocessableEntity || !strings.Contains(answer, `"level":["The body must be one of`) {
			t.Errorf("put %.20q: %d %s", word, status, answer)
		}
	}
	if status, _ := send(t, http.MethodPost, at, "debug"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
	for _, line := range []string{"from=warn to=debug", "from=debug to=error", "from=error to=info"} {
		if strings.Count(journal.String(), line) != 1 {
			t.Errorf("%s is not in the log once:\n%s", line, journal)
		}
	}
}

func TestOperatorsTakeProfiles(t *testing.T) {
	t.Parallel()
	operator := free(t)
	ports, err := serve.Bind(onPorts(operator))
	if err != nil {
		t.Fatal(err)
	}
	_, _, stop := watched(t, ports)
	at := "http://127.0.0.1:" + strconv.Itoa(operator)
	if status, _ := get(t, at+"/debug/pprof/"); status != http.StatusOK {
		t.Errorf("the list of profiles: %d", status)
	}
	if status, stacks := get(t, at+"/debug/pprof/goroutine?debug=1"); status != http.StatusOK || !strings.Contains(stacks, "serve_test") {
		t.Errorf("goroutines: %d %.200s", status, stacks)
	}
	if status, _ := get(t, at+"/debug/pprof/cmdline"); status != http.StatusNotFound {
		t.Errorf("the command line: %d", status)
	}
	if status, _ := get(t, at+"/healthz"); status != http.StatusOK {
		t.Errorf("what operators asked before: %d", status)
	}
	taken := make(chan int, 1)
	go func() {
		status, _ := get(t, at+"/debug/pprof/trace?seconds=60")
		taken <- status
	}()
	tries := 0
	for _, stacks := get(t, at+"/debug/pprof/goroutine?debug=2"); !strings.Contains(stacks, "pprof.Trace"); tries++ {
		if tries > 1000 {
			t.Fatal("the trace is not taken")
		}
		_, stacks = get(t, at+"/debug/pprof/goroutine?debug=2")
	}
	if err := stop(); err != nil {
		t.Errorf("a profile that is being taken holds up the stop: %v", err)
	}
	within(t, "the profile that was cut short", taken)
}

// What changes the process is nowhere unless operators have a port of their own.
func TestControlsAreNowhereWithoutAPortOfOperators(t *testing.T) {
	t.Parallel()
	for name, bind := range map[string]func() (*serve.Ports, error){
		"a service":             func() (*serve.Ports, error) { return serve.Bind(onPorts(0)) },
		"a service without one": func() (*serve.Ports, error) { return serve.BindOperator(onPorts(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports, err := bind()
			if err != nil {
				t.Fatal(err)
			}
			log, _, _ := watched(t, ports)
			at := "http://" + ports.Addr().String()
			for _, path := range []string{"/log-level", "/debug/pprof/", "/debug/pprof/heap"} {
				if status, _ := get(t, at+path); status != http.StatusNotFound {
					t.Errorf("%s: %d", path, status)
				}
			}
			if status, _ := send(t, http.MethodPut, at+"/log-level", "debug"); status != http.StatusNotFound || log.Enabled(t.Context(), slog.LevelDebug) {
				t.Errorf("put: %d", status)
			}
		})
	}
}

// Where operators have a port, the service has none of it.
func TestControlsAreNotWhereTheServiceAnswers(t *testing.T) {
	t.Parallel()
	ports, err := serve.Bind(onPorts(free(t)))
	if err != nil {
		t.Fatal(err)
	}
	watched(t, ports)
	for _, path := range []string{"/log-level", "/debug/pprof/", "/debug/pprof/heap"} {
		if status, _ := get(t, "http://"+ports.Addr().String()+path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}

package serve_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

var operatorPaths = []string{"/healthz", "/readyz", "/metrics", "/version"}

// free is a port that nobody listens on.
func free(t *testing.T) int {
	t.Helper()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only the number is wanted
	return l.Addr().(*net.TCPAddr).Port
}

func onPorts(operator int) settings.Settings {
	return settings.Settings{
		Listen:   settings.Listen{Host: "127.0.0.1"},
		Operator: settings.Operator{Host: "127.0.0.1", Port: operator},
		Timing:   settings.Timing{Shutdown: 10 * time.Second},
	}
}

// run serves until the end of the test.
func run(t *testing.T, ports *serve.Ports, service http.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	operations := serve.Operations(serve.Health{}, telemetry.NewRegistry(), "1.2.3", quiet)
	go func() { ended <- ports.Run(ctx, service, operations, quiet) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, "end", ended); err != nil {
			t.Errorf("Run: %v", err)
		}
		ports.Close()
	})
}

// service answers /message alone.
func service() http.Handler {
	r := edge.NewRouter()
	edge.Read(r, "/message", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	return r
}

func TestOperatorsHaveAPortOfTheirOwn(t *testing.T) {
	t.Parallel()
	operator := free(t)
	ports, err := serve.Bind(onPorts(operator))
	if err != nil {
		t.Fatal(err)
	}
	run(t, ports, service())
	public, private := "http://"+ports.Addr().String(), "http://127.0.0.1:"+strconv.Itoa(operator)
	for _, path := range operatorPaths {
		if status, body := get(t, public+path); status != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
			t.Errorf("%s where the service answers: %d %s", path, status, body)
		}
		if status, _ := get(t, private+path); status != http.StatusOK {
			t.Errorf("%s where operators ask: %d", path, status)
		}
	}
	if status, _ := get(t, public+"/message"); status != http.StatusAccepted {
		t.Errorf("the service: %d", status)
	}
	if status, body := get(t, private+"/message"); status != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("the service where operators ask: %d %s", status, body)
	}
	var out, errOut bytes.Buffer
	environ := []string{"CHANNELSTREAM_PORT=1", "CHANNELSTREAM_OPERATOR_PORT=" + strconv.Itoa(operator)}
	if code := program(nil).Main(t.Context(), []string{"healthcheck"}, environ, &out, &errOut); code != serve.ExitOK {
		t.Errorf("healthcheck: %d %s", code, errOut.String())
	}
}

func TestOperatorsAskAtTheServicesPortOtherwise(t *testing.T) {
	t.Parallel()
	ports, err := serve.Bind(onPorts(0))
	if err != nil {
		t.Fatal(err)
	}
	run(t, ports, service())
	for _, path := range append(operatorPaths, "/message") {
		if status, body := get(t, "http://"+ports.Addr().String()+path); status >= http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// A process that only operators ask listens nowhere else.
func TestAProcessForOperatorsAloneHasOnePort(t *testing.T) {
	t.Parallel()
	s := onPorts(free(t))
	s.Listen.Port = free(t)
	ports, err := serve.BindOperator(s)
	if err != nil {
		t.Fatal(err)
	}
	run(t, ports, nil)
	if status, _ := get(t, serve.ReadyURL(s.OperatorAddress())); status != http.StatusOK {
		t.Errorf("where operators ask: %d", status)
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort(s.Listen.Host, strconv.Itoa(s.Listen.Port))); err == nil {
		_ = conn.Close()
		t.Error("it listens at the other port too")
	}
}

func TestAPortOfOperatorsThatIsTakenLeavesNoneBound(t *testing.T) {
	t.Parallel()
	taken, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // only held
	s := onPorts(taken.Addr().(*net.TCPAddr).Port)
	s.Listen.Port = free(t)
	if _, err := serve.Bind(s); err == nil {
		t.Fatal("bound twice")
	}
	refused(t, net.JoinHostPort(s.Listen.Host, strconv.Itoa(s.Listen.Port)))
}

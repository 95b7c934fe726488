package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/natsembed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a condition is waited for. It is only used up by a test that fails.
const patience = 20 * time.Second

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// server is a NATS server that can be stopped and started again on the same port and data.
type server struct {
	t       testing.TB
	options natsembed.Options
	running *natsembed.Server
	url     string
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, options: natsembed.Options{StoreDir: t.TempDir(), Port: -1, Logger: quiet()}}
	s.start()
	s.url = s.running.URL()
	if _, err := fmt.Sscanf(s.url, "nats://127.0.0.1:%d", &s.options.Port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) start() {
	s.t.Helper()
	running, err := natsembed.Start(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = running
}

func (s *server) stop() {
	if s.running != nil {
		s.running.Stop()
		s.running = nil
	}
}

func (s *server) dial() *bus.Conn {
	s.t.Helper()
	ctx, cancel := patiently()
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: s.url, Name: s.t.Name(), Logger: quiet()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

func patiently() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// background runs f until the end of the test and wants it to end without an error.
func background(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("in the background: %v", err)
		}
	})
}

package bus_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// road is a way to a NATS server that can swallow everything, as a network does whose router has failed: nothing is refused.
type road struct {
	listener net.Listener
	swallows atomic.Bool
	traffic  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{listener: listener}
	r.traffic.Go(func() { r.carry(to) })
	t.Cleanup(r.close)
	return r
}

func (r *road) carry(to string) {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			from.Close() //nolint:errcheck // the client sees it
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, from, server)
		r.mu.Unlock()
		r.traffic.Go(func() { r.copy(from, server) })
		r.traffic.Go(func() { r.copy(server, from) })
	}
}

func (r *road) copy(to, from net.Conn) {
	defer to.Close() //nolint:errcheck // the other side sees it
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if r.swallows.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (r *road) close() {
	r.listener.Close() //nolint:errcheck // the test is over
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close() //nolint:errcheck // the test is over
	}
	r.mu.Unlock()
	r.traffic.Wait()
}

func TestAConnectionThatSwallowsEverythingIsNoticedInSecondsOnBothSides(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := newRoad(t, strings.TrimPrefix(s.url, "nats://"))
	ctx, cancel := patiently()
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: "nats://" + r.listener.Addr().String(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	lost := make(chan time.Time, 1)
	t.Cleanup(conn.OnChange(func(up bool) {
		if !up {
			select {
			case lost <- time.Now():
			default: // it was lost before
			}
		}
	}))
	began := time.Now()
	r.swallows.Store(true)
	select {
	case at := <-lost:
		if took := at.Sub(began); took > 12*time.Second {
			t.Errorf("the client noticed after %v", took)
		}
	case <-ctx.Done():
		t.Fatal("the client has not noticed")
	}
	r.swallows.Store(false)
	eventually(t, "the connection is back", conn.Connected)
}

// A raw client that answers no ping is not kept.
func TestTheEmbeddedServerDropsAClientThatAnswersNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	silent, err := net.Dial("tcp", strings.TrimPrefix(s.url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // the test is over
	if _, err := silent.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := silent.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(silent)
	if err != nil || !strings.Contains(string(said), "Stale Connection") {
		t.Errorf("it said %q and ended with %v", said, err)
	}
}

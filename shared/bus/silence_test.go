package bus_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/netfault"
)

func TestAConnectionThatSwallowsEverythingIsNoticedInSecondsOnBothSides(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := netfault.NewRoad(t, strings.TrimPrefix(s.url, "nats://"))
	ctx, cancel := patiently()
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: "nats://" + r.Addr(), Logger: quiet()})
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
	r.Swallow()
	select {
	case at := <-lost:
		if took := at.Sub(began); took > 12*time.Second {
			t.Errorf("the client noticed after %v", took)
		}
	case <-ctx.Done():
		t.Fatal("the client has not noticed")
	}
	r.Unblock()
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

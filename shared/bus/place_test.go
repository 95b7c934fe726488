package bus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

// What a connection says of its server, in logs and errors, shows where it is and not how one gets in.
func TestCredentialsAreNotShown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	host := strings.TrimPrefix(s.url, "nats://")
	s.stop()
	for _, url := range []string{
		"nats://user:hidden@" + host, "user:hidden@" + host, "nats://hidden@" + host,
		"nats://" + host + ", nats://user:hidden@" + host,
		"nats://user:hid%den@" + host, "nats://user:hidden/@" + host, "nats://user:hidden#@" + host,
	} {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := bus.Connect(ctx, bus.Options{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil || strings.Contains(err.Error(), "hid") || strings.Contains(log.String(), "hid") {
			t.Errorf("%s: the error is %v, the log:\n%s", url, err, &log)
		}
		if readable := strings.HasSuffix(url, "hidden@"+host); readable && !strings.Contains(log.String(), host) {
			t.Errorf("%s: the log does not say where:\n%s", url, &log)
		}
	}
}

// A connection that is back says so, without its password.
func TestCredentialsAreNotShownOfAConnectionThatIsBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var log telemetrytest.Journal
	ctx, cancel := patiently()
	defer cancel()
	url := strings.Replace(s.url, "nats://", "nats://user:hidden@", 1) // the server asks nobody who it is
	conn, err := bus.Connect(ctx, bus.Options{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !conn.Connected() })
	s.start()
	eventually(t, "it is told where the connection is", func() bool { return strings.Contains(log.String(), "again\" url="+s.url) })
	if strings.Contains(log.String(), "hidden") {
		t.Errorf("the log shows the password:\n%s", log.String())
	}
}

// While the password of NATS is changed, a server may refuse it more than once.
func TestConnectionOutlivesRefusals(t *testing.T) {
	t.Parallel()
	s, log := newServer(t), &telemetrytest.Journal{}
	ctx, cancel := patiently()
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: s.url, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s.stop()
	refuse(t, strings.TrimPrefix(s.url, "nats://"), 4)
	s.start()
	eventually(t, "the connection is back", func() bool { return conn.Connected() && strings.Contains(log.String(), "again\"") })
	for _, line := range []string{"lost the connection to NATS", "NATS refuses the connection"} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("%q is there %d times", line, n)
		}
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Error("an error was reported")
	}
}

// refuse takes the place of a server, refuses so many connections and goes.
func refuse(t *testing.T, address string, many int) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing was written
	if err := listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatalf("nobody came after %d refusals: %v", i, err)
		}
		_, greeted := conn.Write([]byte("INFO {\"auth_required\":true,\"max_payload\":1048576}\r\n"))
		_, asked := conn.Read(make([]byte, 4096)) // CONNECT, whatever it says
		_, refused := conn.Write([]byte("-ERR 'Authorization Violation'\r\n"))
		if err := errors.Join(greeted, asked, refused, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

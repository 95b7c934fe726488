package flash

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// short is a listener that has no file descriptor left a few times.
type short struct {
	net.Listener
	failures int
}

func (l *short) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func listen(t *testing.T, failures int) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Answer(ctx, &short{l, failures}, Policy(8000), quiet) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("answer: %v", err)
		}
	})
	return l.Addr().String()
}

// ask sends something and gives all that comes back.
func ask(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it was read to its end
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text)    // the listener may have ended it by now
	_ = conn.(*net.TCPConn).CloseWrite() // as above
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(got)
}

func TestARequestGetsThePolicyOfTheServersPort(t *testing.T) {
	t.Parallel()
	got := ask(t, listen(t, 0), "<policy-file-request/>\x00")
	if got != Policy(8000) || !strings.Contains(got, `to-ports="8000"`) || !strings.HasSuffix(got, "\x00") {
		t.Errorf("got %q", got)
	}
}

func TestAnythingElseGetsOnlyTheEnd(t *testing.T) {
	t.Parallel()
	address := listen(t, 0)
	for _, text := range []string{"", "\x00", "<policy-file-request/>", "<policy-file-request />\x00", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("x", 100_000)} {
		if got := ask(t, address, text); got != "" {
			t.Errorf("%.30q got %q", text, got)
		}
	}
}

func TestAConnectionThatCouldNotBeTakenEndsNothing(t *testing.T) {
	t.Parallel()
	if got := ask(t, listen(t, 3), "<policy-file-request/>\x00"); got != Policy(8000) {
		t.Errorf("got %q", got)
	}
}

func TestServeSaysThatItsPortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	err = Serve(t.Context(), "127.0.0.1", l.Addr().(*net.TCPAddr).Port, 8000, quiet)
	if err == nil || !strings.Contains(err.Error(), "listen for Flash policy requests") {
		t.Errorf("got %v", err)
	}
}

func TestAClientThatSaysNothingIsEnded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "<"} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			go func() {
				_, _ = io.WriteString(client, text) // the end comes in any case
			}()
			began := time.Now()
			answer(server, Policy(8000))
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%q held the listener for %v", text, took)
			}
			_ = client.Close()
		})
	}
}

package socket_test

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair gives both ends of a connection over loopback, and the first as the kernel knows it.
func pair(t testing.TB) (near, far net.Conn, raw syscall.RawConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has served
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() }) //nolint:errcheck // the test is over
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() }) //nolint:errcheck // the test is over
	if raw, err = near.(*net.TCPConn).SyscallConn(); err != nil {
		t.Fatal(err)
	}
	return near, far, raw
}

func TestWhatIsWrittenArrives(t *testing.T) {
	t.Parallel()
	_, far, raw := pair(t)
	n, err := socket.NewWriter().Write(raw, []byte("hello"))
	if n != 5 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAFullSocketIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	near, far, raw := pair(t)
	w, piece, sent := socket.NewWriter(), bytes.Repeat([]byte("x"), 1<<20), 0
	for {
		n, err := w.Write(raw, piece)
		if err != nil {
			t.Fatal(err)
		}
		if sent += n; n == 0 {
			break
		}
	}
	near.Close() //nolint:errcheck // what was taken is sent all the same
	if n, err := io.Copy(io.Discard, far); err != nil || n != int64(sent) {
		t.Errorf("%d bytes arrived of %d, %v", n, sent, err)
	}
}

func TestAConnectionThatHasGoneIsAnError(t *testing.T) {
	t.Parallel()
	near, _, raw := pair(t)
	near.Close() //nolint:errcheck // to break it is what the test wants
	if n, err := socket.NewWriter().Write(raw, []byte("x")); n != 0 || err == nil {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestAResetConnectionIsAnError(t *testing.T) {
	t.Parallel()
	_, far, raw := pair(t)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	far.Close() //nolint:errcheck // it sends a reset
	w := socket.NewWriter()
	for {
		if _, err := w.Write(raw, []byte("x")); err != nil {
			return
		}
	}
}

// Not parallel: testing.AllocsPerRun counts for the whole process.
func TestAWriteAllocatesNothing(t *testing.T) {
	_, far, raw := pair(t)
	w, p, got := socket.NewWriter(), []byte("hello"), make([]byte, 5)
	n := testing.AllocsPerRun(100, func() {
		if _, err := w.Write(raw, p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("a write allocates %v times", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	_, far, raw := pair(b)
	w, p, got := socket.NewWriter(), bytes.Repeat([]byte("x"), 100), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(raw, p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			b.Fatal(err)
		}
	}
}

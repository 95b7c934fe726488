package socket_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair gives both ends of a connection over loopback, and the first as the kernel knows it.
func pair(t testing.TB) (near, far net.Conn, handle socket.Handle) {
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
	if handle, err = socket.HandleOf(near); err != nil {
		t.Fatal(err)
	}
	return near, far, handle
}

func TestWhatIsWrittenArrives(t *testing.T) {
	t.Parallel()
	_, far, handle := pair(t)
	n, err := handle.Write([]byte("hello"))
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
	near, far, handle := pair(t)
	piece, sent := bytes.Repeat([]byte("x"), 1<<20), 0
	for {
		n, err := handle.Write(piece)
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

func TestAResetConnectionIsAnError(t *testing.T) {
	t.Parallel()
	_, far, handle := pair(t)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	far.Close() //nolint:errcheck // it sends a reset
	for {
		if _, err := handle.Write([]byte("x")); err != nil {
			return
		}
	}
}

// Not parallel: testing.AllocsPerRun counts for the whole process.
func TestAWriteAllocatesNothing(t *testing.T) {
	_, far, handle := pair(t)
	p, got := []byte("hello"), make([]byte, 5)
	n := testing.AllocsPerRun(100, func() {
		if _, err := handle.Write(p); err != nil {
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
	_, far, handle := pair(b)
	p, got := bytes.Repeat([]byte("x"), 100), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := handle.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			b.Fatal(err)
		}
	}
}

package socket_test

import (
	"bytes"
	"io"
	"math"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/netfault"
)

// wantUnacknowledged waits until a stream says so: acknowledgements take their time.
func wantUnacknowledged(t *testing.T, s *socket.Stream, when string, want int) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for s.Unacknowledged() != want {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline.C:
			t.Fatalf("%s: %d bytes are unacknowledged, want %d", when, s.Unacknowledged(), want)
		}
	}
}

func TestAStreamKnowsWhatItsClientsHostHasNotAcknowledged(t *testing.T) {
	t.Parallel()
	o, far := outlet(t)
	send := func(bytes int, want contract.Reason) {
		t.Helper()
		if reason := o.Send(make([]byte, bytes), time.Now()); reason != want {
			t.Fatalf("sent for the reason %q", reason)
		}
	}
	send(100, "")
	if _, err := io.ReadFull(far, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	wantUnacknowledged(t, o, "all was read", 0)
	netfault.Deafen(t, far.(net.Conn))
	send(1000, "")
	send(10, "")
	wantUnacknowledged(t, o, "nothing arrives", 1010)
	netfault.Reset(t, far.(net.Conn))
	for { // the kernel drops what is under way, but not the count
		if reason := o.Send([]byte("x"), time.Now()); reason == contract.ReasonClosed {
			break
		}
	}
	if n := o.Unacknowledged(); n < 1011 {
		t.Errorf("after a reset %d bytes are unacknowledged", n)
	}
	o.Cut()
	if n := o.Unacknowledged(); n != math.MaxInt {
		t.Errorf("of a connection that is gone %d bytes are unacknowledged", n)
	}
}

func TestWhatWaitsForAClientIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	o, far := outlet(t)
	netfault.Deafen(t, far.(net.Conn))
	piece, sent := bytes.Repeat([]byte("x"), 100_000), 0
	for sent < 10_000_000 {
		sent += len(piece)
		if o.Send(piece, time.Now()) == contract.ReasonSlowConsumer {
			break
		}
	}
	if waits, _ := o.Waiting(time.Now()); waits == 0 {
		t.Fatal("nothing waits")
	}
	if n := o.Unacknowledged(); n != sent {
		t.Errorf("%d bytes of %d are unacknowledged", n, sent)
	}
}

func TestAHandleThatIsNoneAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	if _, err := socket.Handle(-1).Unacknowledged(); err == nil {
		t.Error("no error")
	} else if !bytes.Contains([]byte(err.Error()), []byte(syscall.EBADF.Error())) {
		t.Error(err)
	}
}

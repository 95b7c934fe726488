package generator

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A message that a server wrote together with its answer to the handshake is read before the next one comes.
func TestReaderTakesWhatCameWithTheHandshake(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fd := range pair {
			_ = unix.Close(fd)
		}
	})
	b := &board{clock: clock{start: time.Now()}, sockets: make([]atomic.Pointer[socket], 1), lanes: make([]lane, 1)}
	r, err := newReader(b)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.run() }()
	first, second := serverFrame(opText, appendPayload(nil, mark{}, MinPayload)), serverFrame(opText, appendPayload(nil, mark{sequence: 1}, MinPayload))
	s := &socket{fd: pair[0], next: nextFrame, ledger: newLedger(0, 1), partial: append(first, second[:10]...)}
	if err := r.watch(0, s); err != nil {
		t.Fatal(err)
	}
	awaitFresh(t, b, 1)
	if _, err := unix.Write(pair[1], second[10:]); err != nil {
		t.Fatal(err)
	}
	awaitFresh(t, b, 2)
	b.stop.Store(true)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if faults := s.ledger.close(func(uint32) uint32 { return 2 }); faults.Sum() != 0 {
		t.Errorf("%+v", faults)
	}
}

func awaitFresh(t *testing.T, b *board, count int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for b.fresh.Load() < count {
		if err := pause(ctx, time.Millisecond); err != nil {
			t.Fatalf("%d of %d messages were delivered: %v", b.fresh.Load(), count, err)
		}
	}
}

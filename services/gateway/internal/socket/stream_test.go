package socket_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
)

func outlet(t testing.TB) (o *socket.Stream, far io.Reader) {
	t.Helper()
	near, far, _ := pair(t)
	poller, err := socket.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(poller.Close)
	s := socket.NewStream(near, &socket.Limits{BacklogBytes: 1 << 20, BacklogAge: time.Minute})
	if err := s.Start(poller, nil); err != nil {
		t.Fatal(err)
	}
	return &s, far
}

// Not parallel: testing.AllocsPerRun counts for the whole process.
func TestSendingToAClientThatReadsAllocatesNothing(t *testing.T) {
	o, far := outlet(t)
	p, got, now := []byte("hello"), make([]byte, 5), time.Now()
	n := testing.AllocsPerRun(100, func() {
		if reason := o.Send(p, now); reason != "" {
			t.Fatal(reason)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("a send allocates %v times", n)
	}
}

func BenchmarkSend(b *testing.B) {
	o, far := outlet(b)
	p, got, now := bytes.Repeat([]byte("x"), 100), make([]byte, 100), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if reason := o.Send(p, now); reason != "" {
			b.Fatal(reason)
		}
		if _, err := io.ReadFull(far, got); err != nil {
			b.Fatal(err)
		}
	}
}

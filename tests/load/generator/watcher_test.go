package generator

import (
	"net"
	"testing"
	"time"
)

func TestWatcherCountsNoticesAcrossReads(t *testing.T) {
	t.Parallel()
	server, client := net.Pipe()
	t.Cleanup(func() { _ = server.Close() })
	w := &watcher{conn: client, ended: make(chan error, 1)}
	two := serverFrame(opText, []byte(`[{"type":"presence","user":"one"},{"type":"message"},{"type":"presence","user":"two"}]`))
	go func() { w.ended <- w.read(two[:20]) }()
	rest := append(two[20:], serverFrame(opText, []byte(`[{"type":"presence","user":"three"}]`))...)
	for _, part := range [][]byte{rest[:5], rest[5:]} {
		if _, err := server.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.await(t.Context(), 3, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if n := w.notices.Load(); n != 3 {
		t.Errorf("%d notices", n)
	}
	_ = server.Close()
	if err := w.await(t.Context(), 4, 10*time.Second); err == nil {
		t.Error("a watcher whose socket has ended waits in vain")
	}
}

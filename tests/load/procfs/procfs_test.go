package procfs

import (
	"net"
	"os"
	"testing"
	"time"
)

func TestCPUOfANameWithBrackets(t *testing.T) {
	t.Parallel()
	got, err := parseCPU([]byte("42 (a) b) S 1 42 42 0 -1 4194560 90 0 0 0 150 50 0 0 20 0 1 0 100 1000 10"))
	if err != nil || got != 2*time.Second {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseCPU([]byte("42 (x) S")); err == nil {
		t.Error("no error for a short line")
	}
}

func TestOwnMemoryAndCPU(t *testing.T) {
	t.Parallel()
	resident, peak, err := Memory(os.Getpid())
	if err != nil || resident < 1<<20 || peak < resident {
		t.Errorf("resident %d, peak %d, %v", resident, peak, err)
	}
	if often, err := Resident(os.Getpid()); err != nil || often < resident/2 || often > 2*resident {
		t.Errorf("resident %d when asked often, %d when asked exactly, %v", often, resident, err)
	}
	if _, err := CPU(os.Getpid()); err != nil {
		t.Error(err)
	}
}

func TestOpenPeersSeesAConnectionUntilItsServerCloses(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	local, peer := uint16(l.Addr().(*net.TCPAddr).Port), uint16(client.LocalAddr().(*net.TCPAddr).Port)
	for _, want := range []bool{true, false} {
		peers, err := OpenPeers(local)
		if err != nil {
			t.Fatal(err)
		}
		if _, open := peers[peer]; open != want {
			t.Errorf("open: got %v, want %v", open, want)
		}
		_ = server.Close()
	}
}

package netfault

import (
	"net"
	"testing"
)

// Reset ends a TCP connection at once, with what is under way in both directions (RFC 9293 section 3.10.5).
func Reset(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

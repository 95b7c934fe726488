package netfault

import (
	"net"
	"syscall"
	"testing"
)

// Deafen has everything vanish that is sent to a TCP connection from now on, as on a network that has failed in one direction:
// this end's kernel sees nothing of it and acknowledges nothing. What was read before is acknowledged, and what this end sends arrives.
func Deafen(t testing.TB, conn net.Conn) {
	t.Helper()
	socket := conn.(syscall.Conn)
	err := control(socket, func(fd int) error { // or else an acknowledgement might wait for 40 ms
		return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
	if err == nil {
		err = deafen(socket)
	}
	if err != nil {
		t.Fatalf("filter what a socket receives: %v", err)
	}
}

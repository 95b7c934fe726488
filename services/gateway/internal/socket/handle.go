// Package socket writes to TCP sockets without ever waiting for them: what the sessions of every protocol share that hold
// a connection of their own.
package socket

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Handle is a socket as the kernel names it. It is written to directly: going through net.Conn would touch the locks
// and deadlines of the connection, which are cold in the cache for every receiver of a message. In return its owner
// must not write after the connection was closed: the kernel gives the name to another socket then.
type Handle int

// HandleOf gives the handle of a TCP connection, which net has made non-blocking.
func HandleOf(conn net.Conn) (Handle, error) {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("%T is no socket of the kernel", conn)
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("read the handle of a socket: %w", err)
	}
	var h Handle
	if err := raw.Control(func(fd uintptr) { h = Handle(fd) }); err != nil {
		return 0, fmt.Errorf("read the handle of a socket: %w", err)
	}
	return h, nil
}

// Write writes what the kernel takes now and gives its size; fewer bytes than given, without an error, mean that the
// socket is full.
func (h Handle) Write(p []byte) (int, error) {
	for {
		n, err := write(int(h), p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return 0, err
	}
}

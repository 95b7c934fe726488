package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// Handle is a socket as the kernel names it. It is read and written directly: going through net.Conn would touch the locks
// and deadlines of the connection, which are cold in the cache for every receiver of a message. In return its owner
// must not use it after the connection was closed: the kernel gives the name to another socket then.
type Handle int

// HandleOf gives the handle of a TCP connection, which net has made non-blocking.
func HandleOf(conn net.Conn) (Handle, error) {
	_, h, err := rawOf(conn)
	return h, err
}

func rawOf(conn net.Conn) (syscall.RawConn, Handle, error) {
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return nil, 0, fmt.Errorf("%T is no socket of the kernel", conn)
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return nil, 0, fmt.Errorf("read the handle of a socket: %w", err)
	}
	var h Handle
	if err := raw.Control(func(fd uintptr) { h = Handle(fd) }); err != nil {
		return nil, 0, fmt.Errorf("read the handle of a socket: %w", err)
	}
	return raw, h, nil
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

// ErrEmpty is returned by Read when nothing has arrived that was not read.
var ErrEmpty = errors.New("nothing to read now")

// Read reads what has arrived: ErrEmpty for nothing, io.EOF when the other side has ended.
func (h Handle) Read(p []byte) (int, error) {
	for {
		n, err := read(int(h), p)
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case errors.Is(err, syscall.EAGAIN):
			return 0, ErrEmpty
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return 0, err
	}
}

// CloseWrite tells the other side that nothing more comes.
func (h Handle) CloseWrite() error { return syscall.Shutdown(int(h), syscall.SHUT_WR) }

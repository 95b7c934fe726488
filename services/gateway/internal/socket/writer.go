// Package socket writes to TCP sockets without ever waiting for them.
package socket

import (
	"errors"
	"syscall"
)

// Writer makes non-blocking writes. One goroutine uses it for any number of sockets; it allocates nothing per write.
type Writer struct {
	p   []byte
	n   int
	err error
	try func(fd uintptr) bool
}

// NewWriter makes a writer.
func NewWriter() *Writer {
	w := &Writer{}
	w.try = func(fd uintptr) bool {
		for {
			w.n, w.err = syscall.Write(int(fd), w.p)
			if !errors.Is(w.err, syscall.EINTR) {
				return true // whatever came of it: never wait for the socket to be writable
			}
		}
	}
	return w
}

// Write writes what the kernel takes now and gives its size; fewer bytes than given, without an error, mean that the
// socket is full.
func (w *Writer) Write(raw syscall.RawConn, p []byte) (int, error) {
	w.p = p
	err := raw.Write(w.try)
	w.p = nil
	if err != nil {
		return 0, err
	}
	if w.err != nil {
		if errors.Is(w.err, syscall.EAGAIN) {
			return 0, nil
		}
		return 0, w.err
	}
	return w.n, nil
}

package socket

import (
	"syscall"
	"unsafe"
)

// read and write are the system calls without telling Go's scheduler: a socket that does not block returns within
// microseconds, and a call that the scheduler knows of may cost the shard its processor in the middle of a batch.

func write(fd int, p []byte) (int, error) { return transfer(syscall.SYS_WRITE, fd, p) }

func read(fd int, p []byte) (int, error) { return transfer(syscall.SYS_READ, fd, p) }

func transfer(call uintptr, fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))) //nolint:gosec // p lives until then, and the kernel keeps within it
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

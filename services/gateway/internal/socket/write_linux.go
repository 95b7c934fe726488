package socket

import (
	"syscall"
	"unsafe"
)

// write is write(2) without telling Go's scheduler: a socket that does not block returns within microseconds, and a call
// that the scheduler knows of may cost the shard its processor in the middle of a batch.
func write(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))) //nolint:gosec // the kernel only reads p, and p lives until then
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

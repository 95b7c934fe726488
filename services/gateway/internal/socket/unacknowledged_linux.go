package socket

import (
	"fmt"
	"syscall"
	"unsafe"
)

// outQueue is SIOCOUTQ of linux/sockios.h: what is sent and not acknowledged (tcp(7)).
const outQueue = syscall.TIOCOUTQ

// Unacknowledged is how many bytes the kernel has taken and the other side has not acknowledged. It counts those of a
// connection that was reset, too: the kernel drops them then, but not the numbers.
func (h Handle) Unacknowledged() (int, error) {
	var bytes int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(h), outQueue, uintptr(unsafe.Pointer(&bytes))) //nolint:gosec // bytes lives until then
	if errno != 0 {
		return 0, fmt.Errorf("ask what was acknowledged: %w", errno)
	}
	return int(bytes), nil
}

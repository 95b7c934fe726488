package socket

import (
	"fmt"
	"syscall"
	"time"
)

// userTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does not have.
const userTimeout = 18

// GiveUpAfter has the kernel end the connection when nothing is heard from the other side for so long, though something
// was sent (RFC 5482). It is for protocols whose clients say nothing: the client's kernel answers for them.
func (h Handle) GiveUpAfter(silence time.Duration) error {
	err := syscall.SetsockoptInt(int(h), syscall.IPPROTO_TCP, userTimeout, int(silence.Milliseconds()))
	if err != nil {
		return fmt.Errorf("bound the silence of a socket: %w", err)
	}
	return nil
}

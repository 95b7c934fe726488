package socket_test

import (
	"syscall"
	"testing"
	"time"
)

func TestTheKernelIsToldHowLongAHostMayBeSilent(t *testing.T) {
	t.Parallel()
	_, _, handle := pair(t)
	if err := handle.GiveUpAfter(45 * time.Second); err != nil {
		t.Fatal(err)
	}
	const userTimeout = 18 // TCP_USER_TIMEOUT
	if got, err := syscall.GetsockoptInt(int(handle), syscall.IPPROTO_TCP, userTimeout); got != 45_000 || err != nil {
		t.Errorf("the kernel waits for %d ms, %v", got, err)
	}
}

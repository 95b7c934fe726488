package netfault

import (
	"errors"
	"syscall"
)

// deafen has a socket's kernel drop all packets that come to it: nothing is acknowledged, and nobody can connect.
func deafen(socket syscall.Conn) error {
	const returnBytes = 0x06 // BPF_RET of bpf_common.h: take so many bytes of a packet
	return control(socket, func(fd int) error {
		//lint:ignore SA1019 a test needs no other module for one filter
		return syscall.AttachLsf(fd, []syscall.SockFilter{{Code: returnBytes}})
	})
}

// hear ends deafen. What was dropped is sent again by its sender's kernel.
func hear(socket syscall.Conn) error {
	err := control(socket, func(fd int) error {
		//lint:ignore SA1019 as above
		return syscall.DetachLsf(fd)
	})
	if errors.Is(err, syscall.ENOENT) {
		return nil // it was not deaf
	}
	return err
}

func control(socket syscall.Conn, change func(fd int) error) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = change(int(fd)) })
	return errors.Join(err, failed)
}

//go:build !linux

package netfault

import "syscall"

// deafen does nothing: packets can be dropped on Linux only. Elsewhere a silent road is one that is blocked.
func deafen(syscall.Conn) error { return nil }

func hear(syscall.Conn) error { return nil }

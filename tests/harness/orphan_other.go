//go:build !linux

package harness

import "syscall"

// dieWithParent has no effect where the kernel does not offer it: cleanups end the nodes.
func dieWithParent() *syscall.SysProcAttr { return nil }

package harness

import "syscall"

// dieWithParent lets the kernel end a node when a test run is ended so abruptly that no cleanup comes to it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

//go:build !linux

package socket

import "time"

// GiveUpAfter does nothing here: a dead client is noticed when the kernel gives up by itself.
func (h Handle) GiveUpAfter(time.Duration) error { return nil }

//go:build !linux

package socket

// NewPoller makes a poller of the best kind that the system has.
func NewPoller() (Poller, error) { return NewWatchers(), nil }

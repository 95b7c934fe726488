// Package affinity starts programs on some of the machine's processors, so that a server and what measures it do not take
// them from each other.
package affinity

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// A Set is some processors, by number; nil is all that this process may use.
type Set []int

// Halves divides the processors that this process may use in two.
func Halves() (one, other Set, err error) {
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mask); err != nil {
		return nil, nil, fmt.Errorf("read processors: %w", err)
	}
	var all Set
	for cpu := range 64 * len(mask) {
		if mask.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	if len(all) < 2 {
		return nil, nil, errors.New("a server and its load each on processors of their own take two processors, here is one")
	}
	half := len(all) / 2
	return all[:half], all[half:], nil
}

// Start starts a command whose process may use the processors of a set alone.
func Start(cmd *exec.Cmd, on Set) error {
	if on == nil {
		return cmd.Start()
	}
	// A process has the processors of the thread that made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read processors: %w", err)
	}
	for _, cpu := range on {
		mask.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &mask); err != nil {
		return fmt.Errorf("choose processors %v: %w", on, err)
	}
	err := cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

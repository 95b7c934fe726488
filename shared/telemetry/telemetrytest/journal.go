// Package telemetrytest is what tests of several packages read logs with.
package telemetrytest

import (
	"bytes"
	"strings"
	"sync"
)

// Journal is a log that may be read while it is written.
type Journal struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write takes a line.
func (j *Journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// String is the whole log.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// Count is how many lines have a text in them.
func (j *Journal) Count(text string) (n int) {
	for line := range strings.Lines(j.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

package harness

import (
	"bytes"
	"encoding/json"
	"sync"
)

// logBook keeps what a node logs, in JSON lines, and finds in it where the node listens. It is safe for use by many
// goroutines.
type logBook struct {
	mu      sync.Mutex
	text    bytes.Buffer // guarded by mu
	pending []byte       // guarded by mu; the beginning of a line whose end has not come
	found   chan string  // holds the newest address that nobody has taken
}

func newLog() *logBook { return &logBook{found: make(chan string, 1)} }

// Write takes any part of the log.
func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p)
	b.pending = append(b.pending, p...)
	for {
		line, rest, whole := bytes.Cut(b.pending, []byte{'\n'})
		if !whole {
			return len(p), nil
		}
		b.read(line)
		b.pending = rest
	}
}

func (b *logBook) read(line []byte) {
	var entry struct{ Msg, Address string }
	if json.Unmarshal(line, &entry) != nil || entry.Msg != "listening" {
		return
	}
	select {
	case <-b.found: // of an earlier start
	default:
	}
	b.found <- entry.Address
}

// String is the whole log.
func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

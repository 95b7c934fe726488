package presence

import (
	"maps"
	"sync"
	"time"
)

// told is what the log was told of, so that it is told once of each. What was not met for some time is forgotten. It is safe
// for use by many goroutines.
type told struct {
	memory time.Duration

	mu  sync.Mutex
	met map[string]time.Time // guarded by mu; when each was met last
}

func newTold(memory time.Duration) *told { return &told{memory: memory, met: map[string]time.Time{}} }

// begins says whether the log is to be told of what is met now.
func (t *told) begins(key string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.met, func(_ string, at time.Time) bool { return now.Sub(at) >= t.memory })
	_, known := t.met[key]
	t.met[key] = now
	return !known
}

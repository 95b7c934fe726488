package publish

import (
	"sync"
	"time"
)

const (
	window    = 2 * time.Minute
	maxRecent = 1 << 18 // ids in one generation; beyond that the window is shorter. About 30 MB for both
)

// recent remembers the ids of messages whose uuid the app gave, for at least the window and at most twice as long. This process
// only: the same message posted to two of them is delivered twice.
type recent struct {
	mu      sync.Mutex
	now     map[string]struct{} // guarded by mu
	before  map[string]struct{} // guarded by mu
	changed time.Time           // guarded by mu; when now was begun
}

// claim says whether the id is new, and remembers it.
func (r *recent) claim(id string, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch age := at.Sub(r.changed); {
	case age >= 2*window:
		r.now, r.before, r.changed = map[string]struct{}{}, nil, at
	case age >= window || len(r.now) >= maxRecent:
		r.now, r.before, r.changed = map[string]struct{}{}, r.now, at
	}
	_, found := r.now[id]
	if _, old := r.before[id]; found || old {
		return false
	}
	r.now[id] = struct{}{}
	return true
}

// forget lets the id come again.
func (r *recent) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.now, id)
	delete(r.before, id)
}

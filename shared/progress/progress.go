// Package progress lets callers wait until something that only goes forward has come far enough.
package progress

import (
	"context"
	"sync"
)

// Progress is how far something has come. The zero value has not begun.
type Progress struct {
	mu    sync.Mutex
	at    uint64        // guarded by mu
	moved chan struct{} // guarded by mu; closed at the next step; nil while nobody waits
}

// At says how far it has come.
func (p *Progress) At() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// Reach notes that it has come to a revision. It never goes back.
func (p *Progress) Reach(revision uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = max(p.at, revision)
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// Wait says whether the revision was reached before ctx ended.
func (p *Progress) Wait(ctx context.Context, revision uint64) bool {
	for {
		p.mu.Lock()
		if p.at >= revision {
			p.mu.Unlock()
			return true
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

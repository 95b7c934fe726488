package ledger

import (
	"context"
	"sync"
)

// progress is how far a watch has come.
type progress struct {
	mu    sync.Mutex
	at    uint64        // guarded by mu
	moved chan struct{} // guarded by mu; closed at the next step; nil while nobody waits
}

func (p *progress) reach(revision uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = max(p.at, revision)
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// wait says whether the revision was reached before ctx ended.
func (p *progress) wait(ctx context.Context, revision uint64) bool {
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

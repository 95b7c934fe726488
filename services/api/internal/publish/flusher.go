package publish

import (
	"context"
	"sync"
	"time"
)

// flusher shares flushes: those who wait while one is under way are all served by the next, so that a thousand
// requests at once do not cost a thousand round trips.
type flusher struct {
	// set at construction
	flush   func(context.Context) error
	timeout time.Duration
	turn    chan struct{} // holds one token while a flush is under way

	mu   sync.Mutex
	next *round // guarded by mu; the flush that has not begun
}

// round is one flush. err is set before done is closed.
type round struct {
	done chan struct{}
	err  error
}

func newFlusher(flush func(context.Context) error, timeout time.Duration) *flusher {
	return &flusher{flush: flush, timeout: timeout, turn: make(chan struct{}, 1)}
}

// wait returns when NATS has what was published before it was called.
func (f *flusher) wait(ctx context.Context) error {
	f.mu.Lock()
	r, first := f.next, f.next == nil
	if first {
		r = &round{done: make(chan struct{})}
		f.next = r
	}
	f.mu.Unlock()
	if first {
		f.run(ctx, r)
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run does the flush of a round, for all who wait for it: it goes on when the caller's own request has ended.
func (f *flusher) run(ctx context.Context, r *round) {
	f.turn <- struct{}{} // at most the timeout of the flush under way
	defer func() {
		<-f.turn
		close(r.done)
	}()
	f.mu.Lock()
	f.next = nil // who comes from here on may have published after this flush
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
	defer cancel()
	r.err = f.flush(ctx)
}

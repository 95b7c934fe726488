package bus

import (
	"context"
	"sync"
	"time"
)

// rounds lets many callers share one question to NATS: those who ask while one is under way are all answered by the
// next, so that a thousand at once do not cost a thousand round trips. An answer is always to a question that was asked
// after the call.
type rounds[T any] struct {
	// set at construction
	ask     func(context.Context) (T, error)
	timeout time.Duration
	turn    chan struct{} // holds one token while a question is under way

	mu   sync.Mutex
	next *round[T] // guarded by mu; the one that has not begun
}

// round is one question. answer and err are set before done is closed.
type round[T any] struct {
	done   chan struct{}
	answer T
	err    error
}

func newRounds[T any](timeout time.Duration, ask func(context.Context) (T, error)) *rounds[T] {
	return &rounds[T]{ask: ask, timeout: timeout, turn: make(chan struct{}, 1)}
}

// wait gives the answer of the next round.
func (g *rounds[T]) wait(ctx context.Context) (T, error) {
	g.mu.Lock()
	r, first := g.next, g.next == nil
	if first {
		r = &round[T]{done: make(chan struct{})}
		g.next = r
	}
	g.mu.Unlock()
	if first {
		go g.run(ctx, r) // ends with the timeout
	}
	select {
	case <-r.done:
		return r.answer, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// run is a round for all who wait for it: it goes on when the first one's own request has ended.
func (g *rounds[T]) run(ctx context.Context, r *round[T]) {
	g.turn <- struct{}{} // at most the timeout of the round under way
	defer func() {
		<-g.turn
		close(r.done)
	}()
	g.mu.Lock()
	g.next = nil // who comes from here on may have done something that this round does not cover
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
	defer cancel()
	r.answer, r.err = g.ask(ctx)
}

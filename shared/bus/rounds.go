package bus

import (
	"context"
	"errors"
	"sync"
	"time"
)

// rounds lets many callers share one question to NATS: those who ask while one is under way are all answered by the
// next, which is about the subjects of all of them, so that a thousand at once do not cost a thousand round trips. An
// answer is always to a question that was asked after the call. A question that was lost with the connection is asked again
// when the connection is back.
type rounds[T any] struct {
	// set at construction
	ask     func(ctx context.Context, subjects []string) (T, error)
	timeout time.Duration
	changes *listeners[bool] // of the connection, see Conn.OnChange
	turn    chan struct{}    // holds one token while a question is under way

	mu   sync.Mutex
	next *round[T] // guarded by mu; the one that has not begun
}

// round is one question. answer and err are set before done is closed.
type round[T any] struct {
	ctx    context.Context // ends when nobody waits any more
	cancel context.CancelFunc
	done   chan struct{}
	answer T
	err    error

	waiting  int      // guarded by rounds.mu
	subjects []string // guarded by rounds.mu until nobody can join any more
}

func newRounds[T any](changes *listeners[bool], timeout time.Duration, ask func(context.Context, []string) (T, error)) *rounds[T] {
	return &rounds[T]{ask: ask, timeout: timeout, changes: changes, turn: make(chan struct{}, 1)}
}

// wait gives the answer of the next round.
func (g *rounds[T]) wait(ctx context.Context, subjects ...string) (T, error) {
	g.mu.Lock()
	r, first := g.next, g.next == nil
	if first {
		r = &round[T]{done: make(chan struct{})}
		r.ctx, r.cancel = context.WithTimeout(context.WithoutCancel(ctx), 2*g.timeout) // for its turn, and for its own
		g.next = r
	}
	r.waiting++
	r.subjects = append(r.subjects, subjects...)
	g.mu.Unlock()
	if first {
		go g.run(r) // ends with the question
	}
	select {
	case <-r.done:
		return r.answer, r.err
	case <-ctx.Done():
		g.leave(r)
		var none T
		return none, unavailable(ctx.Err())
	}
}

// leave gives up waiting. A round for which nobody waits ends.
func (g *rounds[T]) leave(r *round[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		r.cancel()
		g.close(r)
	}
}

// close lets nobody else join a round: who comes from here on may have done something that it does not cover. mu is held.
func (g *rounds[T]) close(r *round[T]) {
	if g.next == r {
		g.next = nil
	}
}

// run is a round for all who wait for it: it goes on when the first one's own request has ended.
func (g *rounds[T]) run(r *round[T]) {
	defer close(r.done)
	defer r.cancel()
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-r.ctx.Done():
		r.err = unavailable(r.ctx.Err())
	}
	g.mu.Lock()
	g.close(r)
	g.mu.Unlock()
	if r.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, g.timeout)
	defer cancel()
	for again := true; again; {
		r.answer, again, r.err = g.once(ctx, r.subjects)
	}
}

// errBack ends a question that may have been lost with the connection.
var errBack = errors.New("the connection was lost and is back")

// once asks, and says whether the question has to be asked again.
func (g *rounds[T]) once(ctx context.Context, subjects []string) (answer T, again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer g.changes.add(func(up bool) {
		if up {
			cancel(errBack)
		}
	})()
	answer, err = g.ask(ctx, subjects)
	return answer, err != nil && errors.Is(context.Cause(ctx), errBack), err
}

// Package pace slows down the refusals of clients that come back as soon as they are refused, such as pages whose `sig` is
// stale.
//
// It promises that a refusal waits for a fraction of a second at least, so that one client can not loop, and that all
// refusals together are told at a steady rate, so that thousands of clients that loop wait for each other and not on the
// server. Who waits costs a timer and what its function holds, and no goroutine. There is a longest wait, and a bound on
// how many wait: beyond it refusals are told at once.
package pace

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// perSecond is how many refusals a second are told as long as none would wait for too long.
	perSecond = 500
	// mostWaiting is how many refusals wait at once.
	mostWaiting = 20_000
	// leastWait and mostJitter are what a refusal waits where no other does. Some clients give an answer a second.
	leastWait  = 100 * time.Millisecond
	mostJitter = 400 * time.Millisecond
)

// Pace is the pace of a gateway's refusals. It is safe for use by many goroutines.
type Pace struct {
	// set at construction
	longest time.Duration

	mu      sync.Mutex
	next    time.Time // when the next refusal is due; guarded by mu
	waiting int       // guarded by mu
}

// New makes a pace by which no refusal waits longer than this.
func New(longest time.Duration) *Pace { return &Pace{longest: longest} }

// Tell calls tell when the refusal's time has come, on a goroutine of its own, or at once if too many wait. tell must not
// block, nor mind that its client has gone meanwhile.
func (p *Pace) Tell(tell func()) {
	wait, waits := p.take(time.Now())
	if !waits {
		tell()
		return
	}
	time.AfterFunc(wait, func() {
		p.leave()
		tell()
	})
}

// take gives a refusal its time. Those that would wait for too long share the second half of the longest wait.
func (p *Pace) take(now time.Time) (wait time.Duration, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting >= mostWaiting {
		return 0, false
	}
	p.waiting++
	if p.next.Before(now) {
		p.next = now
	}
	wait = p.next.Sub(now) + leastWait + upTo(mostJitter)
	if wait > p.longest {
		return p.longest/2 + upTo(p.longest/2), true
	}
	p.next = p.next.Add(time.Second / perSecond)
	return wait, true
}

func (p *Pace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
}

func upTo(most time.Duration) time.Duration {
	return rand.N(most + 1) //nolint:gosec // to spread, not to hide
}

package admin

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// How often one address may fail to sign in: so many times at once, and one more after each pause.
const (
	mostAttempts   = 10
	attemptEvery   = 30 * time.Second
	mostAttempters = 10_000
)

// attempts bounds how fast secrets can be guessed. It is safe for use by many goroutines.
type attempts struct {
	now func() time.Time

	mu   sync.Mutex
	from map[netip.Prefix]time.Time // when the address will have paid for its attempts; guarded by mu
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, from: map[netip.Prefix]time.Time{}}
}

// begin counts an attempt before its outcome is known, so that many at once are not more than that. wait is 0 if it may go on.
func (a *attempts) begin(who netip.Prefix) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	paid := a.from[who]
	if paid.Before(now) {
		paid = now
	}
	if next := paid.Add(attemptEvery); next.Sub(now) <= mostAttempts*attemptEvery {
		a.makeRoom(now)
		a.from[who] = next
		return 0
	}
	return paid.Sub(now) - (mostAttempts-1)*attemptEvery
}

// succeeded forgets the attempts of an address.
func (a *attempts) succeeded(who netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.from, who)
}

// makeRoom keeps the memory of attempts bounded: those go that are paid for, and if there are none, half of them.
func (a *attempts) makeRoom(now time.Time) {
	if len(a.from) < mostAttempters {
		return
	}
	maps.DeleteFunc(a.from, func(_ netip.Prefix, paid time.Time) bool { return !paid.After(now) })
	if len(a.from) < mostAttempters {
		return
	}
	for who := range a.from {
		if len(a.from) <= mostAttempters/2 {
			return
		}
		delete(a.from, who)
	}
}

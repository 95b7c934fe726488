// Package admission says who may open a session at a gateway: how many at once, in all and from one address and of one
// user, and how fast from one address.
//
// It promises that what a session took is given back when it ends, once, and that it keeps nothing of an address without a
// session for longer than it takes to forget how fast it came.
package admission

import (
	"net/netip"
	"sync"
	"time"

	"github.com/channelstream/channelstream/shared/edge"
)

// Limits are how much is taken; 0 sets no limit.
type Limits struct {
	Sessions   int // at once
	PerAddress int // at once from one address
	PerUser    int // at once of one user
	PerSecond  int // opened from one address, on average; as many at once as in burst seconds
}

// burst is how many seconds' worth may come at once: pages reload together.
const burst = 10

// Refusal is why a session is refused; its word is that of the metric.
type Refusal string

// The refusals.
const (
	Full    Refusal = "full"
	Address Refusal = "address"
	User    Refusal = "user"
	Rate    Refusal = "rate"
)

// Error is the sentence for the client.
func (r Refusal) Error() string {
	switch r {
	case Full:
		return "This server has as many clients as it takes; try again later."
	case Address:
		return "This address has as many clients as one may have; try again later."
	case User:
		return "This user has as many clients as one may have; try again later."
	}
	return "This address opens clients faster than one may; try again later."
}

// Desk counts sessions. It is safe for use by many goroutines.
type Desk struct {
	limits Limits

	mu        sync.Mutex
	sessions  int                      // guarded by mu
	addresses map[netip.Prefix]*caller // guarded by mu
	users     map[string]int           // sessions by user; guarded by mu
	swept     time.Time                // guarded by mu
}

// caller is what is known of an address.
type caller struct {
	sessions int
	tokens   float64 // that may be opened now
	at       time.Time
}

// New makes a desk.
func New(l Limits) *Desk {
	return &Desk{limits: l, addresses: map[netip.Prefix]*caller{}, users: map[string]int{}}
}

// Ticket is one session's. It is safe for use by many goroutines.
type Ticket struct {
	desk     *Desk
	from     netip.Prefix
	user     string // guarded by desk.mu
	returned bool   // guarded by desk.mu
}

// Admit lets a session open, or says why not. The ticket is to be given back.
func (d *Desk) Admit(from netip.Addr, now time.Time) (*Ticket, error) {
	network := edge.Network(from)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep(now)
	c := d.caller(network, now)
	switch l := d.limits; {
	case l.Sessions > 0 && d.sessions >= l.Sessions:
		return nil, Full
	case l.PerAddress > 0 && c.sessions >= l.PerAddress:
		return nil, Address
	case l.PerSecond > 0 && c.tokens < 1:
		return nil, Rate
	}
	c.tokens--
	c.sessions++
	d.sessions++
	return &Ticket{desk: d, from: network}, nil
}

// caller gives what is known of an address, with the tokens that it has by now.
func (d *Desk) caller(network netip.Prefix, now time.Time) *caller {
	most := float64(d.limits.PerSecond * burst)
	c := d.addresses[network]
	if c == nil {
		c = &caller{tokens: most, at: now}
		d.addresses[network] = c
	}
	c.tokens = min(most, c.tokens+now.Sub(c.at).Seconds()*float64(d.limits.PerSecond))
	c.at = now
	return c
}

// sweep forgets addresses that have no session, and have been away long enough to have all their tokens again.
func (d *Desk) sweep(now time.Time) {
	if now.Sub(d.swept) < burst*time.Second {
		return
	}
	d.swept = now
	for network, c := range d.addresses {
		if c.sessions == 0 && now.Sub(c.at) >= burst*time.Second {
			delete(d.addresses, network)
		}
	}
}

// Name says whose session it is, or that the user has too many. It does nothing the second time.
func (t *Ticket) Name(user string) error {
	d := t.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.user != "" {
		return nil
	}
	if l := d.limits.PerUser; l > 0 && d.users[user] >= l {
		return User
	}
	d.users[user]++
	t.user = user
	return nil
}

// Return gives the ticket back; only the first call counts.
func (t *Ticket) Return() {
	d := t.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.returned {
		return
	}
	t.returned = true
	d.sessions--
	if c := d.addresses[t.from]; c != nil {
		c.sessions--
	}
	if t.user == "" {
		return
	}
	if d.users[t.user]--; d.users[t.user] == 0 {
		delete(d.users, t.user)
	}
}

// Addresses is how many addresses are known.
func (d *Desk) Addresses() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.addresses)
}

package socket

import (
	"net"
)

// Poller waits for the sockets of one shard. Its methods are called by the shard.
type Poller interface {
	// Add takes over a connection. Its events come with the owner. On an error the connection is closed.
	Add(c net.Conn, owner any) (Conn, error)
	// Ready holds one when there are events to take.
	Ready() <-chan struct{}
	// Take gives every event to `each`, and then waits for others.
	Take(each func(Event))
	// Close lets all sockets go that are still there.
	Close()

	readEmpty(Conn)
	awaitWritable(Conn)
	closeConn(Conn)
}

// Event says what a socket has become ready for. It comes once: after that a socket is to be read until it is empty, and
// written until it is full, before another one comes.
type Event struct {
	Owner    any
	Readable bool
	Writable bool
	Ended    bool // the other side has ended, or the connection is broken
}

// Conn is a socket that a poller waits for. The zero Conn is none.
type Conn struct {
	Handle
	place  place
	poller Poller
}

// ReadEmpty says that all was read that had arrived.
func (c Conn) ReadEmpty() { c.poller.readEmpty(c) }

// AwaitWritable asks for an event when a socket that was full takes something again.
func (c Conn) AwaitWritable() { c.poller.awaitWritable(c) }

// Close ends the connection. No events of it come afterwards.
func (c Conn) Close() { c.poller.closeConn(c) }

// place is where a poller keeps the owner of a socket. Places are used again: a use tells a socket from the one before.
type place struct{ at, use int32 }

// table is the owners of sockets, by place.
type table[O any] struct {
	owners []owned[O]
	free   []int32
}

type owned[O any] struct {
	owner O
	use   int32
	taken bool
}

// put keeps an owner.
func (t *table[O]) put(owner O) place {
	if n := len(t.free); n > 0 {
		at := t.free[n-1]
		t.free = t.free[:n-1]
		t.owners[at].owner, t.owners[at].taken = owner, true
		return place{at: at, use: t.owners[at].use}
	}
	t.owners = append(t.owners, owned[O]{owner: owner, taken: true})
	return place{at: int32(len(t.owners) - 1)} //nolint:gosec // there are not so many sockets
}

// get gives the owner at a place, if it is still there.
func (t *table[O]) get(p place) (owner O, found bool) {
	if int(p.at) >= len(t.owners) {
		return owner, false
	}
	o := &t.owners[p.at]
	return o.owner, o.taken && o.use == p.use
}

// drop lets the owner at a place go; it reports false when it has gone.
func (t *table[O]) drop(p place) bool {
	if _, found := t.get(p); !found {
		return false
	}
	t.owners[p.at] = owned[O]{use: p.use + 1}
	t.free = append(t.free, p.at)
	return true
}

// each calls f for every owner.
func (t *table[O]) each(f func(place, O)) {
	for at := range t.owners {
		if o := &t.owners[at]; o.taken {
			f(place{at: int32(at), use: o.use}, o.owner) //nolint:gosec // there are not so many sockets
		}
	}
}

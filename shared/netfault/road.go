// Package netfault is a way through the network that can fail, for tests: the ends are told nothing of it.
package netfault

import (
	"net"
	"sync"
	"testing"
)

// Road carries TCP connections from a port on loopback to an address. It is safe for use by many goroutines.
type Road struct {
	// set at construction
	listener net.Listener
	to       string
	traffic  sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{} // guarded by mu
	closed  bool                  // guarded by mu
	swallow bool                  // guarded by mu
	open    chan struct{}         // guarded by mu; closed unless the road is blocked
}

// NewRoad opens a road until the end of the test.
func NewRoad(t testing.TB, to string) *Road {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Road{listener: listener, to: to, conns: map[net.Conn]struct{}{}, open: make(chan struct{})}
	close(r.open)
	r.traffic.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Addr is where the road begins.
func (r *Road) Addr() string { return r.listener.Addr().String() }

// Block lets nothing through any more; what is under way arrives after Unblock.
func (r *Road) Block() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.open:
		r.open = make(chan struct{})
	default: // it is blocked
	}
}

// Swallow lets what is sent from now on vanish, as a router does that has failed.
func (r *Road) Swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.swallow = true
}

// Unblock ends Block and Swallow.
func (r *Road) Unblock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unblock()
}

func (r *Road) unblock() {
	r.swallow = false
	select {
	case <-r.open:
	default:
		close(r.open)
	}
}

// Cut closes every connection. New ones are carried.
func (r *Road) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close() //nolint:errcheck // both ends see it
	}
}

func (r *Road) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.to)
		if err != nil {
			from.Close() //nolint:errcheck // it sees that nobody is there
			continue
		}
		if r.keep(from, to) {
			r.traffic.Go(func() { r.carry(to, from) })
			r.traffic.Go(func() { r.carry(from, to) })
		}
	}
}

func (r *Road) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = struct{}{}
		if r.closed {
			c.Close() //nolint:errcheck // the test is over
		}
	}
	return !r.closed
}

func (r *Road) carry(to, from net.Conn) {
	defer func() {
		r.mu.Lock()
		delete(r.conns, from)
		r.mu.Unlock()
		from.Close() //nolint:errcheck // the ends see it
		to.Close()   //nolint:errcheck // the ends see it
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		open, swallow := r.open, r.swallow
		r.mu.Unlock()
		<-open
		if swallow {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (r *Road) close() {
	r.listener.Close() //nolint:errcheck // the test is over
	r.mu.Lock()
	r.closed = true
	r.unblock()
	r.mu.Unlock()
	r.Cut()
	r.traffic.Wait()
}

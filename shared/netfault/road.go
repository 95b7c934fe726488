// Package netfault is a way through the network that can fail, for tests: the ends are told nothing of it.
package netfault

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
)

// Road carries TCP connections from a port on loopback to an address. It is safe for use by many goroutines.
type Road struct {
	// set at construction
	t        testing.TB
	listener net.Listener
	to       string
	traffic  sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{} // guarded by mu
	closed  bool                  // guarded by mu
	swallow bool                  // guarded by mu
	refuse  bool                  // guarded by mu
	silent  bool                  // guarded by mu
	open    chan struct{}         // guarded by mu; closed unless the road is blocked
}

// NewRoad opens a road until the end of the test.
func NewRoad(t testing.TB, to string) *Road {
	t.Helper()
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // no filter can be put on its sockets
	listener, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Road{t: t, listener: listener, to: to, conns: map[net.Conn]struct{}{}, open: make(chan struct{})}
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

// Silence lets no packet through any more: nothing is acknowledged, and who connects gets no answer. After Unblock the ends'
// kernels send again what they still want to say.
func (r *Road) Silence() {
	r.Block()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
	for _, s := range r.sockets() {
		r.check(deafen(s))
	}
}

// Refuse resets every connection, and each that is opened from now on.
func (r *Road) Refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = true
	for c := range r.conns {
		reset(c)
	}
}

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck // it is closed already
	conn.Close()                     //nolint:errcheck // both ends see it
}

// Unblock ends Block, Swallow, Silence and Refuse.
func (r *Road) Unblock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unblock()
}

func (r *Road) check(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		r.t.Errorf("filter what a socket receives: %v", err)
	}
}

func (r *Road) sockets() []syscall.Conn {
	all := []syscall.Conn{r.listener.(*net.TCPListener)}
	for c := range r.conns {
		all = append(all, c.(*net.TCPConn))
	}
	return all
}

func (r *Road) unblock() {
	r.swallow, r.refuse, r.silent = false, false, false
	for _, s := range r.sockets() {
		r.check(hear(s))
	}
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
		to, err := r.dial()
		if err != nil {
			reset(from) // it sees that nobody is there
			continue
		}
		if r.keep(from, to) {
			r.traffic.Go(func() { r.carry(to, from) })
			r.traffic.Go(func() { r.carry(from, to) })
		}
	}
}

var errRefused = errors.New("the road refuses connections")

func (r *Road) dial() (net.Conn, error) {
	r.mu.Lock()
	refuse := r.refuse
	r.mu.Unlock()
	if refuse {
		return nil, errRefused
	}
	return net.Dial("tcp", r.to)
}

func (r *Road) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = struct{}{}
		if r.closed || r.refuse {
			reset(c)
		} else if r.silent {
			r.check(deafen(c.(*net.TCPConn)))
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

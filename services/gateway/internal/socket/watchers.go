package socket

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// watchers is a poller for every system that has sockets: a goroutine for each waits until it is readable.
type watchers struct {
	// set at construction
	ready chan struct{}

	// owned by the shard
	sockets table[*watched]

	mu     sync.Mutex
	events []watchedEvent // guarded by mu
}

// watched is a socket and its goroutine.
type watched struct {
	// set at construction
	conn  net.Conn
	owner any
	place place
	again chan struct{} // holds one when the socket was read empty; closed with it
}

type watchedEvent struct {
	of    *watched
	event Event
}

// retryWrites is when a full socket is tried again: nothing tells this kind of poller that it takes something.
const retryWrites = 10 * time.Millisecond

// NewWatchers makes a poller that needs nothing of its system but sockets.
func NewWatchers() Poller { return &watchers{ready: make(chan struct{}, 1)} }

func (w *watchers) Add(c net.Conn, owner any) (Conn, error) {
	raw, handle, err := rawOf(c)
	if err != nil {
		return Conn{}, errors.Join(err, c.Close())
	}
	s := &watched{conn: c, owner: owner, again: make(chan struct{}, 1)}
	s.place = w.sockets.put(s)
	go w.watch(s, raw) // ends with the connection
	return Conn{Handle: handle, place: s.place, poller: w}, nil
}

// watch says whenever there is something to read, until the other side has ended or the socket is closed.
func (w *watchers) watch(s *watched, raw syscall.RawConn) {
	var one [1]byte
	for {
		e := Event{Owner: s.owner, Readable: true}
		err := raw.Read(func(fd uintptr) bool {
			n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
			e.Ended = n <= 0
			return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		})
		if err != nil {
			return // it was closed
		}
		w.say(s, e)
		if _, open := <-s.again; !open || e.Ended {
			return
		}
	}
}

func (w *watchers) say(s *watched, e Event) {
	w.mu.Lock()
	w.events = append(w.events, watchedEvent{of: s, event: e})
	w.mu.Unlock()
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (w *watchers) Ready() <-chan struct{} { return w.ready }

func (w *watchers) Take(each func(Event)) {
	w.mu.Lock()
	events := w.events
	w.events = nil
	w.mu.Unlock()
	for _, e := range events {
		if _, found := w.sockets.get(e.of.place); found {
			each(e.event)
		}
	}
}

func (w *watchers) readEmpty(c Conn) {
	if s, found := w.sockets.get(c.place); found {
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

func (w *watchers) awaitWritable(c Conn) {
	if s, found := w.sockets.get(c.place); found {
		time.AfterFunc(retryWrites, func() { w.say(s, Event{Owner: s.owner, Writable: true}) })
	}
}

func (w *watchers) closeConn(c Conn) {
	if s, found := w.sockets.get(c.place); found {
		w.sockets.drop(c.place)
		close(s.again)
		s.conn.Close() //nolint:errcheck // nothing is left to be done with it
	}
}

func (w *watchers) Close() {
	w.sockets.each(func(p place, _ *watched) { w.closeConn(Conn{place: p}) })
}

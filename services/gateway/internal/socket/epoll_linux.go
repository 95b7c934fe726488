package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// NewPoller makes a poller of the best kind that the system has.
func NewPoller() (Poller, error) { return NewEpoll() }

// edge has an event come once for each change, in place of as long as it is true (epoll(7), EPOLLET).
const edge = 1 << 31

const (
	readable = syscall.EPOLLIN
	writable = syscall.EPOLLOUT
	ended    = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
)

// epollBatch is how many events are taken from the kernel at a time.
const epollBatch = 256

// epoll is a set of sockets of which the kernel says which are ready. The set is a file that Go's own poller waits for, so
// that a shard which has nothing to do holds no thread.
type epoll struct {
	// set at construction
	set   *os.File
	fd    int
	ready chan struct{}
	taken chan struct{} // the shard has taken the events
	shut  chan struct{} // closed by Close

	events []syscall.EpollEvent // the watcher's up to ready, then the shard's up to taken

	// owned by the shard
	sockets table[member]
}

// member is a socket in a set.
type member struct {
	handle Handle
	owner  any
}

// NewEpoll makes a poller of an epoll set.
func NewEpoll() (Poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or else Go would not wait for it
		return nil, errors.Join(fmt.Errorf("make an epoll set: %w", err), syscall.Close(fd))
	}
	e := &epoll{
		set: os.NewFile(uintptr(fd), "epoll"), fd: fd,
		ready: make(chan struct{}, 1), taken: make(chan struct{}, 1), shut: make(chan struct{}),
	}
	raw, err := e.set.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for an epoll set: %w", err), e.set.Close())
	}
	go e.watch(raw) // ends with Close
	return e, nil
}

// watch has events taken from the kernel whenever there are some.
func (e *epoll) watch(raw syscall.RawConn) {
	buffer := make([]syscall.EpollEvent, epollBatch)
	for {
		var n int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = syscall.EpollWait(int(fd), buffer, 0)
			return n > 0 || failed != nil && !errors.Is(failed, syscall.EINTR)
		})
		if err != nil || failed != nil {
			return // it was closed
		}
		e.events = buffer[:n]
		e.ready <- struct{}{}
		select {
		case <-e.taken:
		case <-e.shut:
			return
		}
	}
}

func (e *epoll) Ready() <-chan struct{} { return e.ready }

func (e *epoll) Take(each func(Event)) {
	for _, event := range e.events {
		m, found := e.sockets.get(place{at: event.Fd, use: event.Pad})
		if !found {
			continue // it was closed by what an event before this one led to
		}
		each(Event{
			Owner: m.owner, Readable: event.Events&readable != 0,
			Writable: event.Events&writable != 0, Ended: event.Events&ended != 0,
		})
	}
	e.taken <- struct{}{}
}

// Add takes the socket out of the hands of Go's net, which would wait for it too: the connection's socket is duplicated, and
// then the connection closed.
func (e *epoll) Add(c net.Conn, owner any) (Conn, error) {
	handle, err := own(c)
	if err != nil {
		return Conn{}, err
	}
	p := e.sockets.put(member{handle: handle, owner: owner})
	if err := e.control(syscall.EPOLL_CTL_ADD, handle, p, readable); err != nil {
		e.sockets.drop(p)
		return Conn{}, errors.Join(err, syscall.Close(int(handle)))
	}
	return Conn{Handle: handle, place: p, poller: e}, nil
}

func (e *epoll) control(operation int, h Handle, p place, events uint32) error {
	event := syscall.EpollEvent{Events: events | syscall.EPOLLRDHUP | edge, Fd: p.at, Pad: p.use}
	if err := syscall.EpollCtl(e.fd, operation, int(h), &event); err != nil {
		return fmt.Errorf("wait for a socket: %w", err)
	}
	return nil
}

// own duplicates the socket of a connection and closes the connection.
func own(c net.Conn) (Handle, error) {
	given, err := HandleOf(c)
	if err != nil {
		return 0, errors.Join(err, c.Close())
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(given), syscall.F_DUPFD_CLOEXEC, 0) //nolint:gosec // a handle is not negative
	err = c.Close()
	if errno != 0 {
		return 0, fmt.Errorf("take over a socket: %w", errno)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("take over a socket: %w", err), syscall.Close(int(fd)))
	}
	return Handle(fd), nil
}

// readEmpty does nothing: the kernel knows.
func (e *epoll) readEmpty(Conn) {}

// awaitWritable has events of writing come too, from now on: a change that has happened meanwhile counts.
func (e *epoll) awaitWritable(c Conn) {
	// A socket that can not be waited for is broken, which its next event says.
	_ = e.control(syscall.EPOLL_CTL_MOD, c.Handle, c.place, readable|writable)
}

func (e *epoll) closeConn(c Conn) {
	if e.sockets.drop(c.place) {
		syscall.Close(int(c.Handle)) //nolint:errcheck // nothing is left to be done with it
	}
}

func (e *epoll) Close() {
	e.sockets.each(func(p place, m member) { e.closeConn(Conn{Handle: m.handle, place: p}) })
	close(e.shut)
	e.set.Close() //nolint:errcheck // nothing is left to be done with it
}

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A hub hands messages to its writers. mu is held while all of them get a batch, so that they agree on the order.
type hub struct {
	writers []*writer
	next    atomic.Uint32 // spreads sockets over writers
	mu      sync.Mutex
}

// A message is what members of a channel get, already encoded.
type message struct {
	channel string
	body    []byte
}

func newHub(writers int) (*hub, error) {
	h := &hub{}
	for range writers {
		w, err := newWriter()
		if err != nil {
			return nil, err
		}
		h.writers = append(h.writers, w)
		go w.run()
		go w.watch()
	}
	return h, nil
}

func (h *hub) publish(batch []message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.writers {
		w.put(func() { w.messages = append(w.messages, batch...) })
	}
}

// join gives a socket to a writer, which also answers the handshake: a client that has read the answer is a member.
func (h *hub) join(m membership) error {
	w := h.writers[int(h.next.Add(1))%len(h.writers)]
	event := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(m.fd)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, m.fd, &event); err != nil {
		return errors.Join(fmt.Errorf("watch socket: %w", err), unix.Close(m.fd))
	}
	w.put(func() { w.joins = append(w.joins, m) })
	return nil
}

type membership struct {
	channel string
	fd      int
	answer  string
}

// A room is a channel's members on one writer. Owned by the writer's goroutine.
type room struct {
	members []int
	frame   []byte // room for a header, then what waits: [m1,m2
}

// A writer owns its sockets: nobody else writes to or closes them.
type writer struct {
	epoll int           // tells of sockets whose client has gone
	wake  chan struct{} // holds one token when something was put

	mu       sync.Mutex
	messages []message    // guarded by mu
	joins    []membership // guarded by mu
	gone     []int        // guarded by mu

	// Owned by run.
	rooms map[string]*room
	of    map[int]*room // by descriptor
}

func newWriter() (*writer, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &writer{epoll: epoll, wake: make(chan struct{}, 1), rooms: make(map[string]*room), of: make(map[int]*room)}, nil
}

func (w *writer) put(add func()) {
	w.mu.Lock()
	add()
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run takes all that waits, joins it by channel, and writes it.
func (w *writer) run() {
	var messages []message
	var joins []membership
	var gone []int
	var touched []*room
	for range w.wake {
		w.mu.Lock()
		messages, w.messages = w.messages, messages[:0]
		joins, w.joins = w.joins, joins[:0]
		gone, w.gone = w.gone, gone[:0]
		w.mu.Unlock()
		for _, m := range joins {
			w.add(m)
		}
		for _, fd := range gone {
			w.remove(fd)
		}
		touched = touched[:0]
		for _, m := range messages {
			r := w.rooms[m.channel]
			if r == nil {
				continue
			}
			if len(r.frame) == frameHeader {
				touched = append(touched, r)
			}
			r.frame = append(r.frame, "[,"[min(len(r.frame)-frameHeader, 1)])
			r.frame = append(r.frame, m.body...)
		}
		for _, r := range touched {
			w.write(r)
		}
		clear(messages)
	}
}

func (w *writer) add(m membership) {
	r := w.rooms[m.channel]
	if r == nil {
		r = &room{frame: make([]byte, frameHeader)}
		w.rooms[m.channel] = r
	}
	r.members = append(r.members, m.fd)
	w.of[m.fd] = r
	w.send(m.fd, []byte(m.answer))
}

func (w *writer) remove(fd int) {
	r := w.of[fd]
	if r == nil {
		return
	}
	for i, member := range r.members {
		if member == fd {
			r.members = append(r.members[:i], r.members[i+1:]...)
			break
		}
	}
	delete(w.of, fd)
	_ = unix.Close(fd)
}

// frameHeader is the space before a frame's payload, enough for the longest header of a server (RFC 6455 §5.2).
const frameHeader = 10

// write sends what waits to every member.
func (w *writer) write(r *room) {
	r.frame = append(r.frame, ']')
	frame := r.frame[putHeader(r.frame):]
	for _, fd := range r.members {
		w.send(fd, frame)
	}
	r.frame = r.frame[:frameHeader]
}

// send shuts a socket whose kernel does not take all at once: the floor keeps no backlog. Shutting makes watch report it,
// and so every descriptor is closed in one place, after which its number may be used again.
func (w *writer) send(fd int, data []byte) {
	if n, err := unix.Write(fd, data); err != nil || n < len(data) {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
}

// putHeader writes the header of a text frame right before the payload and returns where it begins.
func putHeader(frame []byte) (start int) {
	switch length := len(frame) - frameHeader; {
	case length < 126:
		start = frameHeader - 2
		frame[start+1] = byte(length)
	case length < 1<<16:
		start = frameHeader - 4
		frame[start+1] = 126
		binary.BigEndian.PutUint16(frame[start+2:], uint16(length))
	default:
		frame[1] = 127
		binary.BigEndian.PutUint64(frame[2:], uint64(length))
	}
	frame[start] = 0x81 // final, text
	return start
}

// watch tells run of clients that have gone.
func (w *writer) watch() {
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			slog.Error("wait for sockets", "error", err)
			return
		}
		for _, e := range events[:max(n, 0)] {
			w.put(func() { w.gone = append(w.gone, int(e.Fd)) })
		}
	}
}

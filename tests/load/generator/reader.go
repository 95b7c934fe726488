package generator

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readBuffer  = 1 << 20 // a larger frame is an error
	epollEvents = 256     // after so many sockets at most the lanes hear what was delivered
	stopPoll    = 50      // milliseconds within which a reader notices that it is to stop
)

// clock is the one clock of a run: nanoseconds since it was made, monotonic.
type clock struct{ start time.Time }

func (c clock) now() int64 { return int64(time.Since(c.start)) }

// A socket is one open client connection. Everything but fd is owned by its reader.
type socket struct {
	fd      int // none of a client that polls
	next    func(buf []byte) (frame, error)
	partial []byte // the beginning of a frame whose rest has not come
	ledger  ledger
	closed  bool
	reason  string
	offset  uint64 // of the last frame that had one
}

// A lane is one publisher in the eyes of a socket: the messages of a lane come in order. It has one request under way.
type lane struct {
	outstanding atomic.Int64 // deliveries of that request that have not been seen
}

// A board is what all readers of a run share.
type board struct {
	clock     clock
	sockets   []atomic.Pointer[socket] // by client
	lanes     []lane
	delivered func(lane int) // called when the lane's request has come to all; may be nil
	from, to  atomic.Int64   // what arrives (deliveries) or was sent (latency) between them is measured
	fresh     atomic.Int64   // deliveries so far
	stop      atomic.Bool
	offsets   bool         // read the offsets of messages
	ended     atomic.Int64 // sockets that have ended
}

// A reader reads its share of the sockets, on a goroutine of its own that ends after stop.
type reader struct {
	*tally
	epoll int
	buf   []byte
}

func newReader(b *board) (*reader, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &reader{tally: newTally(b), epoll: epoll, buf: make([]byte, 2*readBuffer)}, nil
}

// watch gives the reader a socket; it may be called from any goroutine. What came together with the answer to the handshake
// waits in the socket already: that the socket can be written to, as it can at once, has the reader look at it.
func (r *reader) watch(client int, s *socket) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(client)}
	if len(s.partial) > 0 {
		event.Events |= unix.EPOLLOUT
	}
	r.sockets[client].Store(s)
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		return fmt.Errorf("watch socket: %w", err)
	}
	return nil
}

func (r *reader) run() error {
	defer func() { _ = unix.Close(r.epoll) }()
	events := make([]unix.EpollEvent, epollEvents)
	for !r.stop.Load() {
		n, err := unix.EpollWait(r.epoll, events, stopPoll)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		from, to := r.from.Load(), r.to.Load()
		for i := range max(n, 0) {
			s := r.sockets[events[i].Fd].Load()
			if events[i].Events&unix.EPOLLOUT != 0 {
				if err := r.begin(s, events[i].Fd, from, to); err != nil {
					return err
				}
			}
			if !s.closed && events[i].Events&^unix.EPOLLOUT != 0 {
				r.read(s, from, to)
			}
		}
		r.tell()
	}
	return nil
}

// begin takes what came before the socket was the reader's, and waits from then on for more.
func (r *reader) begin(s *socket, client int32, from, to int64) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: client}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_MOD, s.fd, &event); err != nil {
		return fmt.Errorf("watch socket: %w", err)
	}
	r.take(s, r.buf[:copy(r.buf, s.partial)], from, to)
	return nil
}

// read takes what the socket has; level-triggered epoll comes back for more than fits.
func (r *reader) read(s *socket, from, to int64) {
	held := copy(r.buf, s.partial)
	n, err := unix.Read(s.fd, r.buf[held:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		r.end(s, err.Error())
		return
	case n == 0:
		r.end(s, "end of stream")
		return
	}
	r.take(s, r.buf[:held+n], from, to)
}

// take takes the frames of a socket and keeps the beginning of one whose rest has not come.
func (r *reader) take(s *socket, rest []byte, from, to int64) {
	now := r.clock.now()
	for {
		f, err := s.next(rest)
		if err != nil {
			r.end(s, err.Error())
			return
		}
		if f.size == 0 {
			s.partial = append(s.partial[:0], rest...)
			return
		}
		if rest = rest[f.size:]; f.opcode == opText {
			r.receive(s, f.payload, now, from, to)
		} else {
			r.control(s, f)
		}
	}
}

func (r *reader) receive(s *socket, payload []byte, now, from, to int64) {
	if len(payload) > 1 {
		r.count(s, payload, now, from, to)
	} else if string(payload) == enginePing {
		r.answer(s, opText, []byte(enginePong))
	}
}

func (r *reader) control(s *socket, f frame) {
	switch f.opcode {
	case opPing:
		r.answer(s, opPong, f.payload)
	case opClose:
		reason := "close frame without a code"
		if len(f.payload) >= 2 {
			reason = fmt.Sprintf("%d %s", binary.BigEndian.Uint16(f.payload), f.payload[2:])
		}
		r.answer(s, opClose, f.payload) // RFC 6455 §5.5.1; a server waits for it
		r.end(s, reason)
	}
}

// answer writes a few bytes; a socket that does not take them has long stopped working.
func (r *reader) answer(s *socket, opcode byte, payload []byte) {
	if _, err := unix.Write(s.fd, appendClientFrame(nil, opcode, payload)); err != nil {
		r.end(s, err.Error())
	}
}

func (r *reader) end(s *socket, reason string) {
	if s.closed {
		return
	}
	s.closed, s.reason = true, reason
	r.ended.Add(1)
	_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
}

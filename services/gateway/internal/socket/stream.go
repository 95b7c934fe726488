package socket

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Limits of what is kept for a client that reads too slowly.
type Limits struct {
	BacklogBytes int
	BacklogAge   time.Duration
}

// Stream is the writing side of a session's connection. What the kernel does not take is kept in a backlog, and only while
// there is one a goroutine waits for the socket. But for ReaderGone, its methods are called by the session's shard.
type Stream struct {
	// set at construction
	conn   net.Conn
	handle Handle
	limits *Limits
	post   func(f func())        // runs f in the shard, if the session is still open
	failed func(contract.Reason) // closes the session

	// owned by the shard
	backlog *backlog // nil: the kernel took everything

	halves atomic.Uint32 // the reader's half and the writer's half of the end; who comes second closes the connection
}

// The halves of a connection's end.
const (
	readerEnded uint32 = 1 << iota
	writerEnded
)

// NewStream makes the writing side of a connection.
func NewStream(conn net.Conn, h Handle, l *Limits) Stream {
	return Stream{conn: conn, handle: h, limits: l}
}

// Bind names the member that the stream belongs to.
func (s *Stream) Bind(m *hub.Member) {
	s.failed = m.Close
	s.post = func(f func()) {
		m.Use(func(hub.Outlet) contract.Reason { f(); return "" })
	}
}

// backlog is what waits for a socket to be writable again.
type backlog struct {
	waiting net.Buffers // chunks, so that it costs what it holds
	size    int         // bytes in waiting
	flushed int         // bytes that the flusher has in its hands
	since   time.Time   // of the oldest byte not yet written
	next    time.Time   // of the oldest byte in waiting
}

// chunk is how much room a backlog takes at a time.
const chunk = 16 << 10

// add copies p behind what waits.
func (b *backlog) add(p []byte) {
	b.size += len(p)
	if last := len(b.waiting) - 1; last >= 0 && cap(b.waiting[last])-len(b.waiting[last]) >= len(p) {
		b.waiting[last] = append(b.waiting[last], p...)
		return
	}
	b.waiting = append(b.waiting, append(make([]byte, 0, max(chunk, len(p))), p...))
}

// Send writes p, or keeps it behind what is kept already.
func (s *Stream) Send(p []byte, now time.Time) contract.Reason {
	if b := s.backlog; b != nil {
		return s.keep(b, p, now)
	}
	n, err := s.handle.Write(p)
	if err != nil {
		return contract.ReasonClosed
	}
	if n == len(p) {
		return ""
	}
	if len(p)-n > s.limits.BacklogBytes {
		return contract.ReasonSlowConsumer
	}
	s.backlog = &backlog{since: now}
	s.backlog.add(p[n:])
	s.flush()
	return ""
}

func (s *Stream) keep(b *backlog, p []byte, now time.Time) contract.Reason {
	if b.size == 0 {
		b.next = now
	}
	if b.flushed+b.size+len(p) > s.limits.BacklogBytes {
		return contract.ReasonSlowConsumer
	}
	b.add(p)
	return ""
}

// flush writes what waits in a goroutine that waits for the socket, which ends when all is written or the connection
// closed.
func (s *Stream) flush() {
	b := s.backlog
	writing := b.waiting
	b.flushed, b.size, b.waiting = b.size, 0, nil
	go func() {
		if _, err := writing.WriteTo(s.conn); err != nil {
			s.failed(contract.ReasonClosed)
			return
		}
		s.post(s.flushedAll)
	}()
}

// flushedAll goes on with what came while the flusher wrote.
func (s *Stream) flushedAll() {
	b := s.backlog
	if b.size == 0 {
		s.backlog = nil
		return
	}
	b.since = b.next
	s.flush()
}

// Waiting says how large the backlog is, and whether its oldest byte is too old.
func (s *Stream) Waiting(now time.Time) (int, contract.Reason) {
	b := s.backlog
	switch {
	case b == nil:
		return 0, ""
	case now.Sub(b.since) > s.limits.BacklogAge:
		return b.flushed + b.size, contract.ReasonSlowConsumer
	}
	return b.flushed + b.size, ""
}

// Backlogged says whether anything waits.
func (s *Stream) Backlogged() bool { return s.backlog != nil }

// Finish sends the last bytes, behind the backlog if there is one, and then calls said, if it is not nil. The connection
// closes when the reader's half has ended too, or after the wait; at once if the client takes nothing.
func (s *Stream) Finish(last []byte, wait time.Duration, said func()) {
	if s.backlog != nil {
		wait = s.limits.BacklogAge
	}
	s.conn.SetDeadline(time.Now().Add(wait)) //nolint:errcheck // it is closed then, and nobody waits for it
	if b := s.backlog; b != nil {
		rest := append(b.waiting, last)
		go func() { // ends with the deadline at the latest; writes to one connection are made one after the other
			_, err := rest.WriteTo(s.conn)
			s.writerGone(err == nil, said)
		}()
		return
	}
	n, err := s.handle.Write(last)
	s.writerGone(err == nil && n == len(last), said)
}

// writerGone ends the writer's half. The reader is waited for if the client has got the last bytes.
func (s *Stream) writerGone(all bool, said func()) {
	if all && said != nil {
		said()
	}
	if s.halves.Or(writerEnded)&readerEnded != 0 || !all {
		s.Cut()
	}
}

// ReaderGone ends the reader's half, after the member was told to close.
func (s *Stream) ReaderGone() {
	if s.halves.Or(readerEnded)&writerEnded != 0 {
		s.Cut()
	}
}

// Cut closes the connection without a word.
func (s *Stream) Cut() { s.conn.Close() } //nolint:errcheck // nothing is left to be done with it

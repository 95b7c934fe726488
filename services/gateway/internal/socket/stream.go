package socket

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// Limits of what is kept for a client that reads too slowly.
type Limits struct {
	BacklogBytes int
	BacklogAge   time.Duration
}

// Stream is a session's connection, as its shard has it. What the kernel does not take waits in one queue, in the order in
// which it was sent, the last bytes of a connection behind all else. All methods are the shard's.
type Stream struct {
	conn     Conn // none before Start, and after the connection was let go
	backlog  *backlog
	limits   *Limits
	refused  int  // bytes that were sent and neither written nor kept
	arrived  bool // there may be something that was not read
	over     bool // the client has ended, or broke the connection
	started  bool
	gone     bool // the connection was let go
	fresh    net.Conn
	farewell *farewell // nil: more may be sent
}

// farewell is what a connection that ends still waits for.
type farewell struct {
	until time.Time // it is let go in any case
	said  func()    // called when the client was sent everything; may be nil
}

// NewStream makes the stream of a connection.
func NewStream(conn net.Conn, l *Limits) Stream { return Stream{fresh: conn, limits: l} }

// Start hands the connection to a poller; its events come with the owner.
func (s *Stream) Start(p Poller, owner any) error {
	conn, err := p.Add(s.fresh, owner)
	s.fresh = nil
	if err != nil {
		s.gone = true
		return err
	}
	s.conn, s.started = conn, true
	return nil
}

// backlog is what waits for a socket to be writable again.
type backlog struct {
	chunks []chunk // so that it costs what it holds
	size   int     // bytes in all chunks
}

type chunk struct {
	bytes []byte
	since time.Time // its first byte came
}

// chunkSize is how much room a backlog takes at a time.
const chunkSize = 16 << 10

// add copies p behind what waits.
func (b *backlog) add(p []byte, now time.Time) {
	b.size += len(p)
	if last := len(b.chunks) - 1; last >= 0 && cap(b.chunks[last].bytes)-len(b.chunks[last].bytes) >= len(p) {
		b.chunks[last].bytes = append(b.chunks[last].bytes, p...)
		return
	}
	bytes := append(make([]byte, 0, max(chunkSize, len(p))), p...)
	b.chunks = append(b.chunks, chunk{bytes: bytes, since: now})
}

// took takes the first n bytes of the first chunk away.
func (b *backlog) took(n int) {
	b.size -= n
	first := &b.chunks[0]
	if first.bytes = first.bytes[n:]; len(first.bytes) == 0 {
		b.chunks[0] = chunk{}
		b.chunks = b.chunks[1:]
	}
}

// Send writes p, or keeps it behind what is kept already.
func (s *Stream) Send(p []byte, now time.Time) contract.Reason {
	if s.backlog != nil {
		return s.keep(p, now)
	}
	n, err := s.conn.Write(p)
	if err != nil {
		s.refused += len(p)
		return contract.ReasonClosed
	}
	if n == len(p) {
		return ""
	}
	return s.keep(p[n:], now)
}

func (s *Stream) keep(p []byte, now time.Time) contract.Reason {
	if s.backlog == nil {
		s.backlog = new(backlog)
		defer s.conn.AwaitWritable()
	}
	if s.backlog.size+len(p) > s.limits.BacklogBytes {
		s.refused += len(p)
		return contract.ReasonSlowConsumer
	}
	s.backlog.add(p, now)
	return ""
}

// Note takes an event. It goes on with the backlog when the socket takes something.
func (s *Stream) Note(e Event) contract.Reason {
	s.arrived = s.arrived || e.Readable || e.Ended
	s.over = s.over || e.Ended
	if e.Writable && s.backlog != nil {
		return s.flush()
	}
	return ""
}

// flush writes what the socket takes of the backlog.
func (s *Stream) flush() contract.Reason {
	for b := s.backlog; len(b.chunks) > 0; {
		n, err := s.conn.Write(b.chunks[0].bytes)
		if err != nil {
			s.refused += b.size
			s.backlog = nil
			return contract.ReasonClosed
		}
		full := n < len(b.chunks[0].bytes)
		b.took(n)
		if full {
			s.conn.AwaitWritable()
			return ""
		}
	}
	s.backlog = nil
	s.allSaid()
	return ""
}

// Read reads what has arrived. io.EOF says that the client has ended, ErrEmpty that there is nothing now.
func (s *Stream) Read(p []byte) (int, error) {
	if !s.arrived {
		return 0, ErrEmpty
	}
	n, err := s.conn.Read(p)
	if err == nil && (n == len(p) || s.over) {
		return n, nil // there may be more, or its end
	}
	s.arrived = false
	s.conn.ReadEmpty()
	return n, err
}

// Arrived says whether there may be something to read.
func (s *Stream) Arrived() bool { return s.arrived }

// Leaving says whether the connection ends: it was sent its last bytes, or let go.
func (s *Stream) Leaving() bool { return s.farewell != nil || s.gone }

// Over says whether the client has ended; what it sent before may not be read yet.
func (s *Stream) Over() bool { return s.over }

// Waiting says how large the backlog is, and whether its oldest byte is too old.
func (s *Stream) Waiting(now time.Time) (int, contract.Reason) {
	b := s.backlog
	switch {
	case b == nil:
		return 0, ""
	case now.Sub(b.chunks[0].since) > s.limits.BacklogAge:
		return b.size, contract.ReasonSlowConsumer
	}
	return b.size, ""
}

// Backlogged says whether anything waits.
func (s *Stream) Backlogged() bool { return s.backlog != nil }

// Finish sends the last bytes, behind the backlog if there is one. The connection is let go when the client has ended too,
// or after the wait; at once when it is broken. said, which may be nil, is called when everything was sent.
func (s *Stream) Finish(last []byte, wait time.Duration, said func()) {
	now := time.Now()
	switch {
	case s.gone || s.farewell != nil:
		return
	case !s.started:
		s.finishFresh(last, wait)
		return
	case s.backlog != nil:
		wait = s.limits.BacklogAge
		s.backlog.add(last, now)
	default:
		n, err := s.conn.Write(last)
		if err != nil {
			s.Cut()
			return
		}
		if n < len(last) {
			s.backlog = new(backlog)
			s.backlog.add(last[n:], now)
			s.conn.AwaitWritable()
		}
	}
	s.farewell = &farewell{until: now.Add(wait), said: said}
	if s.backlog == nil {
		s.allSaid()
	}
}

// finishFresh ends a connection that no shard has taken.
func (s *Stream) finishFresh(last []byte, wait time.Duration) {
	s.gone = true
	if s.fresh.SetWriteDeadline(time.Now().Add(wait)) == nil {
		s.fresh.Write(last) //nolint:errcheck // the client has gone then
	}
	s.fresh.Close() //nolint:errcheck // nothing is left to be done with it
}

// allSaid is called when the socket has taken everything.
func (s *Stream) allSaid() {
	if s.farewell == nil {
		return
	}
	if said := s.farewell.said; said != nil {
		s.farewell.said = nil
		said()
	}
	if s.over {
		s.Cut()
	}
}

// Ended notes that the client has said its last: nothing more of what it sends counts.
func (s *Stream) Ended() {
	s.over = true
	if s.farewell != nil && s.backlog == nil {
		s.Cut()
	}
}

// Gone says whether the connection was let go, and lets it go when its time is over.
func (s *Stream) Gone(now time.Time) bool {
	if s.farewell != nil && now.After(s.farewell.until) {
		s.Cut()
	}
	return s.gone
}

// Cut lets the connection go without a word.
func (s *Stream) Cut() {
	switch {
	case s.gone:
		return
	case s.started:
		s.conn.Close()
	default:
		s.fresh.Close() //nolint:errcheck // nothing is left to be done with it
	}
	s.gone, s.backlog, s.arrived = true, nil, false
}

// CloseWrite tells the client that nothing more comes, so that it closes the connection: to close it here could take what is
// on its way along.
func (s *Stream) CloseWrite() {
	if s.conn.CloseWrite() != nil {
		s.Cut()
	}
}

// EndOf says what a failed read means: the kernel gives up on a silent host with a timeout.
func EndOf(err error) contract.Reason {
	if errors.Is(err, syscall.ETIMEDOUT) {
		return contract.ReasonHeartbeatTimeout
	}
	return contract.ReasonClosed
}

package hub

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/shared/contract"
)

// ErrClosed is returned for a member that is no longer there.
var ErrClosed = errors.New("the session is closed")

// ErrLeft is returned for a change of a namespace that the client has left meanwhile.
var ErrLeft = errors.New("the client has left the namespace")

// Member is one client of the hub.
type Member struct {
	// set at construction
	shard     *shard
	transport string
	ended     func(contract.Reason, uint64)

	seen atomic.Int64 // nanoseconds of the last sign of life; any goroutine

	// owned by the shard
	outlet  Outlet
	socket  Socket // the outlet, if it is one
	arrival arrival
	reading bool   // it is to be read in the next turn
	user    string // token
	places  []place
	pending []piece
	at      int // in shard.members
	way     frame.Way
	spaces  frame.Namespaces
	format  frame.Format
	dirty   bool
	closed  bool
	why     contract.Reason // it was closed; read by others once it is over
	pinged  int64           // nanoseconds of the ping that waits for an answer; 0: none does
	notices bool            // it is told now and then how far it has come
	told    uint64          // the last offset that it was told so
	from    uint64          // how far it had come by itself
	behind  bool            // it does not get yet what lies behind that
	missed  Missed          // tells the client what it missed; nil: it is not told
	waits   int             // bytes for its client, as it was last looked at

	over chan struct{} // closed when the member was closed, after why was set
}

// place is where a member stands in a topic's slot.
type place struct {
	topic *Topic
	at    int
}

// piece is something to write: a list of messages, how far the client has come, or one packet of the session's own.
type piece struct {
	list   *frame.List
	offset uint64
	packet []byte
}

// Over is closed when the member was closed. This is the one end of a client's life here: who serves it keeps none beside it.
func (m *Member) Over() <-chan struct{} { return m.over }

// Why is the reason for which the member was closed; "" as long as it is open.
func (m *Member) Why() contract.Reason {
	select {
	case <-m.over:
		return m.why
	default:
		return ""
	}
}

// Life is a context that ends with the member.
func (m *Member) Life() context.Context { return life{context.Background(), m} }

type life struct {
	context.Context
	member *Member
}

func (l life) Done() <-chan struct{} { return l.member.over }

func (l life) Err() error {
	if l.member.Why() != "" {
		return context.Canceled
	}
	return nil
}

// Touch notes a sign of life.
func (m *Member) Touch() { m.seen.Store(time.Now().UnixNano()) }

// TouchAt is Touch at a time that the shard knows.
func (m *Member) TouchAt(now time.Time) { m.seen.Store(now.UnixNano()) }

// Close closes the member, if it is still open.
func (m *Member) Close(reason contract.Reason) {
	m.shard.mail.step(func(s *shard) { s.close(m, reason) })
}

// Send queues one Engine.IO packet behind all that was published before.
func (m *Member) Send(packet []byte) {
	m.shard.mail.step(func(s *shard) { s.queue(m, piece{packet: packet}) })
}

// Use runs f on the outlet, in the shard, after what was queued before has been sent; f must not block.
func (m *Member) Use(f func(Outlet) contract.Reason) {
	m.shard.mail.step(func(s *shard) {
		s.flush()
		if !m.closed {
			s.closeFor(m, f(m.outlet))
		}
	})
}

// Switch gives the member another outlet, after what was queued before has been sent to the old one. moved is called
// in the shard before anything else is sent to the new one.
func (m *Member) Switch(o Outlet, w frame.Way, transport string, moved func() contract.Reason) {
	o.Bind(m)
	ok := m.shard.mail.step(func(s *shard) {
		s.flush()
		s.acknowledge(m) // while the old one can say
		m.take(o)
		err := s.start(m)
		if m.closed {
			o.Close(m.why)
			s.bid(m)
			return
		}
		s.hub.config.Observer.Upgraded(m.transport, transport)
		m.transport = transport
		m.way, m.format = w, frame.For(w, m.spaces)
		if err != nil {
			s.close(m, contract.ReasonClosed)
			return
		}
		s.closeFor(m, moved())
	})
	if !ok {
		o.Close(contract.ReasonShuttingDown)
	}
}

// Resume says that what the client asked for is done, and the member's socket is to be read again; or closes the member.
func (m *Member) Resume(reason contract.Reason) {
	m.shard.mail.step(func(s *shard) {
		s.closeFor(m, reason)
		if m.socket != nil {
			m.socket.Resume()
			s.attend(m)
		}
	})
}

// Change is a change of what a member gets. It takes effect between two messages.
type Change struct {
	User    string           // token of the user; empty leaves it
	Open    frame.Namespaces // from now on the member gets messages in these, too
	Close   frame.Namespaces // and in these no more
	Notices bool             // from now on the member is told now and then how far it has come
	Missed  Missed           // from now on it tells the client what it missed; nil leaves that
	Join    []*Topic
	Leave   []*Topic
	Packets [][]byte         // sent behind the last message before the change
	Past    []frame.Message  // what it missed; sent behind the packets
	In      frame.Namespaces // where the past is sent; 0: wherever the member gets messages
	Offset  uint64           // it has come so far with this; 0 leaves that as it is
	Behind  bool             // of what it missed, there is more to come behind Offset
	Left    <-chan struct{}  // when this is closed, nothing of the change is done; nil: all is
}

// isLeft says whether nothing of the change is to be done.
func (c *Change) isLeft() bool {
	select {
	case <-c.Left:
		return true
	default:
		return false
	}
}

// Missed makes what tells a client that of what is behind since it does not get everything, and that it goes on from
// offset; 0: later messages say that.
type Missed func(since, offset uint64) [][]byte

// Change applies a change and returns when it is in force, or ErrClosed or ErrLeft.
func (m *Member) Change(ctx context.Context, c Change) error {
	done := make(chan error, 1)
	m.Apply(c, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Apply applies a change soon, and then says so on done, which has room for one: nil, ErrClosed or ErrLeft. A message that is
// published after Apply comes after the change.
func (m *Member) Apply(c Change, done chan<- error) {
	for _, t := range c.Join {
		t.slots[m.shard.index].expected.Add(1)
	}
	ok := m.shard.mail.step(func(s *shard) {
		switch {
		case m.closed:
			done <- ErrClosed
		case c.isLeft():
			done <- ErrLeft
		default:
			s.change(m, c)
			done <- nil
		}
		for _, t := range c.Join {
			t.slots[s.index].expected.Add(-1)
		}
	})
	if !ok {
		done <- ErrClosed
	}
}

// Waiting says how many bytes wait for the client behind what was sent before the call, or ErrClosed.
func (m *Member) Waiting(ctx context.Context) (int, error) {
	return look(ctx, m, func(s *shard) int {
		bytes, _ := m.outlet.Waiting(s.now)
		return bytes
	})
}

// Progress is how far a member's client has come.
type Progress struct {
	Transport string
	Handed    uint64 // everything up to this offset was handed to the outlet; 0: not known
	Arrived   uint64 // and up to this one it has arrived, see arrival.go; 0: not known
	Waiting   int    // bytes that wait in the outlet
}

// Progress says how far the client has come, or ErrClosed.
func (m *Member) Progress(ctx context.Context) (Progress, error) {
	return look(ctx, m, func(s *shard) Progress {
		s.acknowledge(m)
		bytes, _ := m.outlet.Waiting(s.now)
		return Progress{Transport: m.transport, Handed: m.reached(), Arrived: m.arrival.offset, Waiting: bytes}
	})
}

// look has the shard look at an open member, after what was queued before has been sent.
func look[A any](ctx context.Context, m *Member, at func(*shard) A) (answer A, err error) {
	answers := make(chan A, 1)
	closed := make(chan struct{})
	ok := m.shard.mail.step(func(s *shard) {
		s.flush()
		if m.closed {
			close(closed)
			return
		}
		answers <- at(s)
	})
	if !ok {
		return answer, ErrClosed
	}
	select {
	case answer = <-answers:
		return answer, nil
	case <-closed:
		return answer, ErrClosed
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

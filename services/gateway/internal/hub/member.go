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

// Member is one client of the hub.
type Member struct {
	// set at construction
	shard     *shard
	transport string
	ended     func(contract.Reason)

	seen atomic.Int64 // nanoseconds of the last sign of life; any goroutine

	// owned by the shard
	outlet  Outlet
	user    string // token
	places  []place
	pending []piece
	at      int // in shard.members
	way     frame.Way
	spaces  frame.Namespaces
	format  frame.Format
	dirty   bool
	closed  bool
	why     contract.Reason // it was closed
	pinged  int64           // nanoseconds of the ping that waits for an answer; 0: none does
}

// place is where a member stands in a topic's slot.
type place struct {
	topic *Topic
	at    int
}

// piece is something to write: a list of messages, or one packet of the session's own.
type piece struct {
	list   *frame.List
	packet []byte
}

// Touch notes a sign of life.
func (m *Member) Touch() { m.seen.Store(time.Now().UnixNano()) }

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
		if m.closed {
			o.Close(m.why)
			return
		}
		s.hub.config.Observer.Upgraded(m.transport, transport)
		m.outlet, m.transport = o, transport
		m.way, m.format = w, frame.For(w, m.spaces)
		s.closeFor(m, moved())
	})
	if !ok {
		o.Close(contract.ReasonShuttingDown)
	}
}

// Change is a change of what a member gets. It takes effect between two messages.
type Change struct {
	User       string            // token of the user; empty leaves it
	Namespaces *frame.Namespaces // nil leaves them
	Join       []*Topic
	Leave      []*Topic
	Packets    [][]byte // sent behind the last message before the change
}

// Change applies a change and returns when it is in force, or ErrClosed.
func (m *Member) Change(ctx context.Context, c Change) error {
	done := make(chan error, 1)
	ok := m.shard.mail.step(func(s *shard) {
		if m.closed {
			done <- ErrClosed
			return
		}
		s.change(m, c)
		done <- nil
	})
	if !ok {
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

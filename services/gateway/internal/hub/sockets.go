package hub

import (
	"fmt"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// readShare is how many bytes a shard reads of one socket before it looks at others. It is one buffer, which is lent.
const readShare = 16 << 10

// A turn of reading lasts so long at most, and what it leaves is read after a rest: so clients that never stop have half
// of a processor at most. Go looks at the other connections of the process when a processor has nothing else to do, and
// otherwise every 10 ms only, so a turn right after the other would make each step of a message's way so long.
const (
	readTurn = time.Millisecond
	readRest = time.Millisecond
)

// lingering is how long a shard that ends waits for clients to take their last words.
const lingering = 2 * time.Second

// sockets is what a shard has to do with the sockets of its members.
type sockets struct {
	poller  socket.Poller // nil before there is a socket
	buffer  []byte
	rest    *time.Timer
	resting bool
	reading []*Member            // are to be read in the next turn
	spare   []*Member            // of the last turn
	leaving map[*Member]struct{} // closed, but their sockets are still there
}

// ready holds one when sockets are ready.
func (s *shard) ready() <-chan struct{} {
	if s.sockets.poller == nil {
		return nil
	}
	return s.sockets.poller.Ready()
}

// again is ready when the rest is over, if sockets are still to be read.
func (s *shard) again() <-chan time.Time {
	k := &s.sockets
	if len(k.reading) == 0 {
		return nil
	}
	if !k.resting {
		k.resting = true
		k.rest.Reset(readRest)
	}
	return k.rest.C
}

func (k *sockets) open(newPoller func() (socket.Poller, error)) error {
	poller, err := newPoller()
	if err != nil {
		return fmt.Errorf("wait for sockets: %w", err)
	}
	k.poller, k.buffer, k.leaving = poller, make([]byte, readShare), map[*Member]struct{}{}
	k.rest = time.NewTimer(readRest)
	k.rest.Stop()
	return nil
}

// start begins to wait for a member's socket, if its outlet is one.
func (s *shard) start(m *Member) error {
	m.socket, _ = m.outlet.(Socket)
	if m.socket == nil {
		return nil
	}
	k := &s.sockets
	if k.poller == nil {
		if err := k.open(s.hub.config.Poller); err != nil {
			return err
		}
	}
	defer s.attend(m)
	return m.socket.Start(k.poller, m)
}

// event takes an event of a member's socket.
func (s *shard) event(e socket.Event) {
	m := e.Owner.(*Member) //nolint:forcetypeassert // start says so
	s.closeFor(m, m.socket.Note(e))
	if e.Ended && !m.closed && !m.socket.Wants() {
		s.close(m, contract.ReasonClosed) // nobody is left to be answered
	}
	s.attend(m)
}

// attend has a member's socket read in the next turn, if it is to be.
func (s *shard) attend(m *Member) {
	if !m.reading && m.socket != nil && m.socket.Wants() {
		m.reading = true
		s.sockets.reading = append(s.sockets.reading, m)
	}
}

// read is a turn: each socket that is to be read is read once, as far as the time reaches.
func (s *shard) read() {
	k := &s.sockets
	if k.resting {
		return
	}
	turn, end := k.reading, s.now.Add(readTurn)
	k.reading, k.spare = k.spare[:0], nil
	for i, m := range turn {
		if i%looks == looks-1 && time.Now().After(end) {
			k.reading = append(k.reading, turn[i:]...)
			break
		}
		m.reading = false
		if reason := m.socket.Read(k.buffer, s.now); reason != "" {
			s.close(m, reason)
		}
		s.attend(m)
	}
	clear(turn)
	k.spare = turn
}

// looks is how many sockets are read between two looks at the clock.
const looks = 8

// bid keeps the socket of a closed member until it is gone.
func (s *shard) bid(m *Member) {
	if m.socket != nil && !m.socket.Gone(s.now) {
		s.sockets.leaving[m] = struct{}{}
		s.attend(m)
	}
}

// dismiss lets go of those sockets that closed members left and whose time is over.
func (s *shard) dismiss() {
	for m := range s.sockets.leaving {
		if m.socket.Gone(s.now) {
			delete(s.sockets.leaving, m)
		}
	}
}

// farewell lets the clients of closed members take their last words, and ends the poller.
func (s *shard) farewell(tick <-chan time.Time) {
	k := &s.sockets
	if k.poller == nil {
		return
	}
	defer k.poller.Close()
	for patience := s.now.Add(lingering); len(k.leaving) > 0 && s.now.Before(patience); {
		select {
		case s.now = <-tick:
			s.dismiss()
		case <-s.ready():
			s.now = time.Now()
			k.poller.Take(s.event)
			s.read()
			s.dismiss()
		case s.now = <-s.again():
			k.resting = false
			s.read()
			s.dismiss()
		}
	}
}

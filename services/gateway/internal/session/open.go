package session

import (
	"context"
	"errors"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/resume"
	"github.com/channelstream/channelstream/shared/contract"
)

// A client opens its namespaces one by one, and may have stopped at another place in each. So each has a hand-over of its own, one
// after the other: the first one enters the session, and another gets what it missed while those before it go on.
//
//	first    ── what it missed ──► live ──────────────────────────────► live
//	another     waits              ── what it missed, there alone ──► opens
//
// One may also open instead of another, where the client heard nothing: then all of the client goes back to where it was.

// Opening is how another namespace opens.
type Opening struct {
	Namespace frame.Namespaces
	InsteadOf frame.Namespaces // closes; the client gets all since Since again, as if it had got nothing; 0: none
	Since     *uint64          // where the client says that it stopped there; nil: it does not say
	Told      int              // of the message right behind that, the events that it has been told there
	Packets   Packets          // what it is sent there before the first message
	Missed    hub.Missed       // tells the client there that it does not get everything
	Left      <-chan struct{}  // closed when the client leaves the namespace
}

// mostOpening is how many namespaces of a session are on the way at once. A client that leaves one and asks for it again, all the
// time, would have more and more wait.
const mostOpening = 8

// ErrOpening is returned when too many namespaces are on the way.
var ErrOpening = errors.New("too many namespaces of the session are opening")

// Open opens another namespace of a session that has entered. Where it has to wait for its turn, Open does not; but one that opens
// instead of another waits for nothing that is sent there.
func (s *Session) Open(ctx context.Context, o Opening) error {
	if s.countOpening(1) > mostOpening {
		s.countOpening(-1)
		return ErrOpening
	}
	before, over := s.takeTurn()
	ended := func() {
		s.countOpening(-1)
		over()
	}
	if o.InsteadOf != 0 {
		s.stopHandover()
		<-before
	}
	select {
	case <-before:
		rest, err := s.open(ctx, o)
		if rest == nil {
			ended()
			return err
		}
		s.book.finishing.Go(func() { // ends with the session
			defer ended()
			rest()
		})
		return nil
	default:
	}
	s.book.finishing.Go(func() { // ends with the session
		defer ended()
		select {
		case <-before:
			s.openLate(o)
		case <-s.member.Over():
		}
	})
	return nil
}

// takeTurn takes the next turn: it is theirs who took it when before is closed, until they call over.
func (s *Session) takeTurn() (before <-chan struct{}, over func()) {
	turn := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.turn = s.turn, turn
	return before, func() { close(turn) }
}

func (s *Session) countOpening(by int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening += by
	return s.opening
}

// Opening says whether a namespace is on the way to what is live.
func (s *Session) Opening() bool { return s.countOpening(0) > 0 }

// openLate opens a namespace whose turn has come, and returns when it is open.
func (s *Session) openLate(o Opening) {
	ctx, cancel := context.WithTimeout(context.Background(), s.book.resumeIn)
	defer cancel()
	rest, err := s.open(ctx, o)
	switch {
	case rest != nil:
		rest()
	case err != nil && !errors.Is(err, hub.ErrLeft):
		s.member.Close(contract.ReasonUnavailable)
	}
}

// open opens a namespace. If the client missed much there, that is begun, and rest does the rest.
func (s *Session) open(ctx context.Context, o Opening) (rest func(), err error) {
	if o.Since == nil {
		from := Outcome{Offset: s.book.feed.MarkOf(s.topics())}
		return nil, s.member.Change(ctx, hub.Change{Open: o.Namespace, Packets: o.Packets(from), Left: o.Left})
	}
	e := Entrance{Since: o.Since, Told: o.Told, Missed: o.Missed}
	if o.InsteadOf != 0 && *o.Since == s.offset && !s.exact {
		e.Since = nil // it gets the newest, as it did when it entered
	}
	for {
		topics, revision, err := s.standing()
		if err != nil {
			return nil, err
		}
		past, outcome, limits, err := s.past(ctx, e, topics)
		if err != nil {
			return nil, err
		}
		c := s.handOver(e, past, outcome, topics)
		c.Limits, c.Left = limits, o.Left
		first, back := hub.Change{}, hub.Change{}
		if o.InsteadOf == 0 {
			c.In = o.Namespace
		} else {
			first.Open = o.Namespace
			back = hub.Change{Close: o.InsteadOf, Leave: topics, Offset: outcome.Offset, Behind: true}
		}
		h := resume.New(c)
		if s.follow(h, revision, back) {
			first.Packets = o.Packets(outcome)
			return s.begin(ctx, h, past, first)
		}
		past.End() // the app has changed something meanwhile
	}
}

// standing gives what the session is in, and since which revision.
func (s *Session) standing() (topics []*hub.Topic, revision uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != live {
		return nil, 0, hub.ErrClosed
	}
	return append([]*hub.Topic{s.user}, s.channels...), s.revision, nil
}

// follow has a hand-over follow what the session joins and leaves, behind a change, unless it did either since a revision.
func (s *Session) follow(h *resume.Handover, revision uint64, back hub.Change) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revision != revision {
		return false
	}
	s.handover = h
	s.member.Apply(back, make(chan error, 1))
	return true
}

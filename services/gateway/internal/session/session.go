// Package session joins three things for one client: the connection that presence knows, the topics that the feed
// brings, and the member that the hub writes to.
//
//	Attach ──presence: whose connection, which channels──► Acquire topics ──► Enter the hub ──► Join / Leave / orders
//	socket gone, or closed for a reason ──► End: release topics, tell presence
//
// It promises that membership is applied in the order of its revisions, whoever brings it, and that when a join, a
// leave or an order is answered, it is in force.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/resume"
	"github.com/channelstream/channelstream/shared/contract"
)

// Presence is what sessions ask of the presence service.
type Presence interface {
	Attach(context.Context, contract.AttachList) (contract.AttachAnswers, error)
	Join(context.Context, contract.JoinRequest) (contract.ChannelsAnswer, error)
	Leave(context.Context, contract.LeaveRequest) (contract.ChannelsAnswer, error)
	Detach(context.Context, contract.DetachRequest) (contract.DetachAnswer, error)
	Compare(context.Context, contract.CompareRequest) (contract.CompareAnswer, error)
}

// Session is one client's life at this gateway.
type Session struct {
	// set by Attach
	ID        string // of this socket, unique
	ConnID    string
	User      string
	Left      bool // the connection's client had left it
	book      *Book
	transport string
	offset    uint64 // what lies behind it the connection has not got; 0: nothing, or not known
	exact     bool   // that is how far its last socket came: the client gets all behind it

	entered chan struct{} // closed by Enter or Abandon
	member  *hub.Member   // set before entered is closed; nil if abandoned
	notify  Notify        // set before entered is closed; may be nil

	// No request to another process is made while mu is held: what is to be done is planned under it, and what was done
	// is committed under it.
	mu       sync.Mutex
	state    state            // guarded by mu
	turned   contract.Reason  // why it was turned back; guarded by mu
	revision uint64           // of the membership in force; guarded by mu
	user     *hub.Topic       // private messages; guarded by mu
	channels []*hub.Topic     // guarded by mu
	handover *resume.Handover // nil unless the client still gets what it missed; guarded by mu
	stop     func()           // ends that hand-over early; guarded by mu
	turn     <-chan struct{}  // closed when the last one whose turn it is or will be is open; guarded by mu
	opening  int              // namespaces that are not open yet; guarded by mu
	outset   Outcome          // how it began; guarded by mu

	missed atomic.Pointer[[]contract.MissedSpan] // what its client was told that it does not get; nil: nothing
}

// advance takes a step, if it fits. It gives the state that the session is in then, and the reason if it was turned back.
func (s *Session) advance(by step) (now state, turned contract.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next, fits := s.state.after(by); fits {
		s.state = next
	}
	return s.state, s.turned
}

// Notify makes the packets that tell a client which channels the app put it in or took it out of.
type Notify func(joined, left []string) [][]byte

// Entrance is how an attached session comes into the hub.
type Entrance struct {
	Member     *hub.Member
	Namespaces frame.Namespaces // 0 for a session without namespaces
	Since      *uint64          // where the client says that it stopped; nil: it does not say
	Told       int              // of the message right behind that, the events that it has been told
	Moved      bool             // it stopped at another gateway a moment ago: what it gets is no catch-up
	Notices    bool             // tell the client now and then how far it has come
	Packets    Packets          // nil: none
	Missed     hub.Missed       // tells a client that it does not get everything
	Notify     Notify           // nil: the client is not told
}

// Packets makes what is sent before the first message.
type Packets func(Outcome) [][]byte

// Outcome says how a session began.
type Outcome struct {
	Since   uint64 // where it stopped
	Offset  uint64 // from which the client goes on that gets nothing more than this
	Resumed bool   // it said where it stopped, and gets everything since then
	Missed  bool   // the log no longer has everything since it stopped; it gets what there is
}

// What a client gets that does not say where it stopped, if its gateway did not either.
var catchUp = resume.Limits{Channel: 100, User: 50}

// Enter begins the delivery of messages: first what the connection missed.
func (s *Session) Enter(ctx context.Context, e Entrance) error {
	defer s.opened()
	e.Missed = s.noting(e.Missed)
	s.member, s.notify = e.Member, e.Notify
	switch now, turned := s.advance(enter); {
	case turned != "":
		e.Member.Close(turned)
		return nil
	case now != entering:
		return hub.ErrClosed
	}
	return s.enter(ctx, e)
}

// enter brings the client up to what is live, in one of three ways: nothing can have come for it, nothing has come, or it
// gets what has.
func (s *Session) enter(ctx context.Context, e Entrance) error {
	if e.Since == nil && s.offset == 0 {
		return s.enterLive(ctx, e)
	}
	if e.Since == nil {
		if done, err := s.enterCurrent(ctx, e, s.offset); done || err != nil {
			return err
		}
	}
	topics := s.topics()
	past, outcome, limits, err := s.past(ctx, e, topics)
	if err != nil {
		return err
	}
	s.book.returned(outcome.word())
	c := s.handOver(e, past, outcome, topics)
	c.Limits = limits
	rest, err := s.begin(ctx, resume.New(c), past, s.change(e, outcome))
	if rest != nil {
		_, over := s.takeTurn()
		s.book.finishing.Go(func() { // ends with the session
			defer over()
			rest()
		})
	}
	return s.began(err)
}

// began notes that messages are delivered, unless that failed.
func (s *Session) began(err error) error {
	if err == nil {
		s.advance(inForce)
	}
	return err
}

// enterCurrent begins with what comes from now on, if nothing came since the connection was last here.
func (s *Session) enterCurrent(ctx context.Context, e Entrance, since uint64) (done bool, err error) {
	in := make(chan error, 1)
	topics := s.topics()
	done, err = s.book.feed.Current(ctx, topics, since, func(mark uint64) {
		change := s.change(e, Outcome{Offset: mark})
		change.Join = topics
		e.Member.Apply(change, in)
	})
	if !done || err != nil {
		return false, err
	}
	return true, s.began(await(ctx, in))
}

// await returns when a change of the member is in force.
func await(ctx context.Context, in <-chan error) error {
	select {
	case err := <-in:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reach finds out whether the client gets everything since it stopped, and from where it goes on.
func (o *Outcome) reach(ctx context.Context, past *feed.Past) error {
	all, from, err := past.Reaches(ctx)
	o.Offset, o.Missed = from, !all
	return err
}

// word is what metrics call the outcome.
func (o *Outcome) word() string {
	switch {
	case o.Missed:
		return "missed"
	case o.Resumed:
		return "resumed"
	}
	return "caught_up"
}

// topics are those that the session is in.
func (s *Session) topics() []*hub.Topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user == nil {
		return nil // it is over
	}
	return append([]*hub.Topic{s.user}, s.channels...)
}

// change is what an entrance changes for the member, but for the topics.
func (s *Session) change(e Entrance, o Outcome) hub.Change {
	s.note(o)
	c := hub.Change{User: contract.EncodeToken(s.User), Open: e.Namespaces, Notices: e.Notices, Missed: e.Missed, Offset: o.Offset}
	if e.Packets != nil {
		c.Packets = e.Packets(o)
	}
	return c
}

// enterLive begins with what comes from now on.
func (s *Session) enterLive(ctx context.Context, e Entrance) error {
	topics := s.topics()
	change := s.change(e, Outcome{Offset: s.book.feed.MarkOf(topics)})
	change.Join = topics
	if err := e.Member.Change(ctx, change); err != nil {
		return fmt.Errorf("enter the hub: %w", err)
	}
	return s.began(nil)
}

// opened makes room for the next in line.
func (s *Session) opened() { close(s.entered) }

// turnBack closes a session that has not begun to enter: it gets nothing.
func (s *Session) turnBack(reason contract.Reason) (back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, fits := s.state.after(turnBack)
	if fits {
		s.state, s.turned = next, cmp.Or(s.turned, reason)
	}
	return fits
}

// Abandon gives up a session that will not enter.
func (s *Session) Abandon() {
	s.opened()
	s.book.end(s, contract.ReasonClosed, 0)
}

// End is called when the member of the session was closed, with how far its client has come. It does not block.
func (s *Session) End(reason contract.Reason, offset uint64) {
	if !s.isLive() {
		offset = 0
	}
	s.book.end(s, reason, offset)
}

func (s *Session) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == live
}

// Join asks for channels and returns those of them that the session is in now, when that is in force. packets makes
// what the client is sent before the first message of a new channel.
func (s *Session) Join(ctx context.Context, channels []string, packets func(named []string) [][]byte) error {
	a, err := s.book.presence.Join(ctx, contract.JoinRequest{
		ConnID: s.ConnID, Gateway: s.book.gateway, Session: s.ID, Channels: channels,
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return s.apply(ctx, a.Membership, func(_, _ []string) [][]byte { return packets(a.Named) })
}

// Leave gives channels back, like Join; the packets name those that were really left.
func (s *Session) Leave(ctx context.Context, channels []string, packets func(named []string) [][]byte) error {
	a, err := s.book.presence.Leave(ctx, contract.LeaveRequest{
		ConnID: s.ConnID, Gateway: s.book.gateway, Session: s.ID, Channels: channels,
	})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return s.apply(ctx, a.Membership, func(_, _ []string) [][]byte { return packets(a.Named) })
}

// apply brings a membership into force, unless a newer one is. The packets go to the client either way.
func (s *Session) apply(ctx context.Context, m contract.Membership, packets Notify) error {
	for {
		p, err := s.plan(m)
		if err != nil {
			return err
		}
		topics, err := s.book.feed.Acquire(ctx, s.book.subjects(p.joined))
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		in := make(chan error, 1)
		left, committed := s.commit(p, topics, packets, in)
		if !committed {
			s.book.feed.Release(topics) // another membership came into force meanwhile
			continue
		}
		err = await(ctx, in)
		s.book.feed.Release(left)
		if errors.Is(err, hub.ErrClosed) {
			return err
		}
		return nil
	}
}

// plan is what a membership changes.
type plan struct {
	from     uint64 // revision that was in force
	revision uint64 // that is to be; from, when that is newer already
	stay     []*hub.Topic
	leave    []*hub.Topic
	joined   []string
	left     []string
}

// plan says what a membership changes.
func (s *Session) plan(m contract.Membership) (plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == over {
		return plan{}, hub.ErrClosed
	}
	p := plan{from: s.revision, revision: s.revision, stay: s.channels}
	if m.Revision > s.revision {
		p.revision = m.Revision
		p.stay, p.leave, p.left = split(s.channels, m.Channels)
		p.joined = missing(m.Channels, p.stay)
	}
	return p, nil
}

// commit has a plan come into force, which is said on in, unless the session has changed since it was made. It gives the
// topics that are to be released when that is so. What the session is in is released with it.
func (s *Session) commit(p plan, join []*hub.Topic, packets Notify, in chan<- error) (left []*hub.Topic, committed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == over:
		in <- hub.ErrClosed
		return join, true
	case s.revision != p.from:
		return nil, false
	}
	change := hub.Change{Join: join, Leave: p.leave}
	if packets != nil {
		change.Packets = packets(p.joined, p.left)
	}
	if s.handover != nil {
		s.handover.Leave(p.leave)
		s.handover.Join(join)
	}
	s.channels, s.revision = slices.Concat(p.stay, join), p.revision
	if len(change.Join)+len(change.Leave)+len(change.Packets) > 0 {
		s.member.Apply(change, in)
	} else {
		in <- nil
	}
	return p.leave, true
}

// Channels are those that the session is in.
func (s *Session) Channels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.channels))
	for i, t := range s.channels {
		names[i] = t.Name
	}
	return names
}

// split divides topics into those of the channels, which stay, and those to leave.
func split(topics []*hub.Topic, channels []string) (stay, leave []*hub.Topic, left []string) {
	wanted := make(map[string]struct{}, len(channels))
	for _, c := range channels {
		wanted[c] = struct{}{}
	}
	for _, t := range topics {
		if _, ok := wanted[t.Name]; ok {
			stay = append(stay, t)
		} else {
			leave = append(leave, t)
			left = append(left, t.Name)
		}
	}
	return stay, leave, left
}

// missing gives the channels that none of the topics is for.
func missing(channels []string, topics []*hub.Topic) []string {
	have := make(map[string]struct{}, len(topics))
	for _, t := range topics {
		have[t.Name] = struct{}{}
	}
	var names []string
	for _, c := range channels {
		if _, ok := have[c]; !ok {
			names = append(names, c)
		}
	}
	return names
}

// release gives all topics back; nothing is applied afterwards. It waits for nothing.
func (s *Session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, fits := s.state.after(end)
	if !fits {
		return
	}
	topics := s.channels
	if s.user != nil {
		topics = append(topics, s.user)
	}
	s.state, s.channels, s.user = next, nil, nil
	s.book.feed.Release(topics)
}

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
	"context"
	"errors"
	"fmt"
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
}

// Session is one client's life at this gateway.
type Session struct {
	// set by Attach
	ID     string // of this socket, unique
	ConnID string
	User   string
	book   *Book
	offset uint64 // what lies behind it the connection has not got; 0: nothing, or not known

	inForce atomic.Bool   // it has entered, and been neither turned back nor failed to
	entered chan struct{} // closed by Enter or Abandon
	member  *hub.Member   // set before entered is closed; nil if abandoned
	notify  Notify        // set before entered is closed; may be nil
	keeps   bool          // set before entered is closed; see Entrance

	mu       sync.Mutex
	began    bool             // to enter; guarded by mu
	turned   contract.Reason  // back before it began; guarded by mu
	revision uint64           // of the membership in force; guarded by mu
	user     *hub.Topic       // private messages; guarded by mu
	channels []*hub.Topic     // guarded by mu
	over     bool             // guarded by mu
	handover *resume.Handover // guarded by mu; nil unless the client still gets what it missed
}

// Notify makes the packets that tell a client which channels the app put it in or took it out of.
type Notify func(joined, left []string) [][]byte

// Entrance is how an attached session comes into the hub.
type Entrance struct {
	Member     *hub.Member
	Namespaces *frame.Namespaces // nil for a session without namespaces
	Since      *uint64           // where the client says that it stopped; nil: it does not say
	Notices    bool              // tell the client now and then how far it has come
	Keeps      bool              // the client keeps its offset itself: where presence has the connection stays as it is
	Packets    Packets           // nil: none
	Missed     resume.Missed     // for a client that loses its place while it is sent what it missed
	Notify     Notify            // nil: the client is not told
}

// Packets makes what is sent before the first message.
type Packets func(Outcome) [][]byte

// Outcome says how a session began.
type Outcome struct {
	Offset  uint64 // from which the client goes on that gets nothing more than this
	Resumed bool   // it said where it stopped, and gets everything since then
	Missed  bool   // it said where it stopped, and the log no longer has everything since then; it gets what there is
}

// What a client gets that opens the socket of a connection and does not say where it stopped.
var catchUp = resume.Limits{Channel: 100, User: 50}

// Enter begins the delivery of messages: first what the connection missed.
func (s *Session) Enter(ctx context.Context, e Entrance) error {
	defer s.opened()
	s.member, s.notify, s.keeps = e.Member, e.Notify, e.Keeps
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = true
	if s.turned != "" {
		e.Member.Close(s.turned)
		return nil
	}
	since, limits := s.offset, catchUp
	if e.Since != nil {
		since, limits = *e.Since, resume.Limits{}
	}
	if since == 0 && e.Since == nil {
		return s.enterLive(ctx, e)
	}
	if e.Since == nil {
		if done, err := s.enterCurrent(ctx, e, since); done || err != nil {
			return err
		}
	}
	open := s.book.feed.Past
	if e.Since == nil {
		open = s.book.feed.Recent
	}
	past, err := open(ctx, s.topics(), since)
	if err != nil {
		return err
	}
	outcome := Outcome{Offset: since}
	if e.Since == nil {
		s.book.returned("caught_up")
	} else if outcome, err = s.resumes(ctx, past); err != nil {
		past.End()
		return err
	}
	h := resume.New(resume.Config{
		Past: past, Member: e.Member, User: contract.EncodeToken(s.User), Since: outcome.Offset, Topics: s.topics(), Limits: limits,
		Room: s.book.room, Missed: e.Missed,
	})
	done, err := h.Begin(ctx, s.change(e, outcome))
	if done || err != nil {
		past.End()
		s.inForce.Store(err == nil)
		return err
	}
	s.handover = h
	s.inForce.Store(true)
	s.book.finishing.Go(func() { s.finish(h, past) }) // ends with the session
	return nil
}

// enterCurrent begins with what comes from now on, if nothing came since the connection was last here.
func (s *Session) enterCurrent(ctx context.Context, e Entrance, since uint64) (done bool, err error) {
	in := make(chan error, 1)
	done, err = s.book.feed.Current(ctx, s.topics(), since, func(mark uint64) {
		change := s.change(e, Outcome{Offset: mark})
		change.Join = s.topics()
		e.Member.Apply(change, in)
	})
	if !done || err != nil {
		return false, err
	}
	select {
	case err = <-in:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.inForce.Store(err == nil)
	return true, err
}

// resumes says whether the client gets everything since it stopped.
func (s *Session) resumes(ctx context.Context, past *feed.Past) (Outcome, error) {
	all, from, err := past.Reaches(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if all {
		s.book.returned("resumed")
	} else {
		s.book.returned("missed")
	}
	return Outcome{Offset: from, Resumed: all, Missed: !all}, nil
}

// topics are those that the session is in; mu is held.
func (s *Session) topics() []*hub.Topic { return append([]*hub.Topic{s.user}, s.channels...) }

// change is what an entrance changes for the member, but for the topics.
func (s *Session) change(e Entrance, o Outcome) hub.Change {
	c := hub.Change{User: contract.EncodeToken(s.User), Namespaces: e.Namespaces, Notices: e.Notices, Offset: o.Offset}
	if e.Packets != nil {
		c.Packets = e.Packets(o)
	}
	return c
}

// enterLive begins with what comes from now on.
func (s *Session) enterLive(ctx context.Context, e Entrance) error {
	change := s.change(e, Outcome{Offset: s.book.feed.MarkOf(s.topics())})
	change.Join = s.topics()
	if err := e.Member.Change(ctx, change); err != nil {
		return fmt.Errorf("enter the hub: %w", err)
	}
	s.inForce.Store(true)
	return nil
}

// finish sends what the client missed, as fast as it reads, and returns when it has that, took too long, or is gone.
func (s *Session) finish(h *resume.Handover, past *feed.Past) {
	defer past.End()
	ctx, cancel := context.WithTimeout(context.Background(), s.book.resumeIn)
	defer cancel()
	switch err := h.Finish(ctx); {
	case err == nil || errors.Is(err, hub.ErrClosed):
	case errors.Is(err, context.DeadlineExceeded):
		s.member.Close(contract.ReasonSlowConsumer)
	default: // the feed has ended
		s.member.Close(contract.ReasonShuttingDown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handover = nil
}

// opened makes room for the next in line.
func (s *Session) opened() { close(s.entered) }

// turnBack closes a session that has not begun to enter: it gets nothing.
func (s *Session) turnBack(reason contract.Reason) (turned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began {
		return false
	}
	s.turned = reason
	return true
}

// Abandon gives up a session that will not enter.
func (s *Session) Abandon() {
	s.opened()
	s.book.end(s, contract.ReasonClosed, 0)
}

// End is called when the member of the session was closed, with how far its client has come. It does not block.
func (s *Session) End(reason contract.Reason, offset uint64) {
	if !s.inForce.Load() || s.keeps {
		offset = 0
	}
	s.book.end(s, reason, offset)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return hub.ErrClosed
	}
	change := hub.Change{}
	var left []string
	kept := s.channels
	if m.Revision > s.revision {
		kept, change.Leave, left = s.split(m.Channels)
		joined := s.missing(m.Channels, kept)
		topics, err := s.book.feed.Acquire(ctx, s.book.subjects(joined))
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		change.Join = topics
		if packets != nil {
			change.Packets = packets(joined, left)
		}
	} else if packets != nil {
		change.Packets = packets(nil, nil)
	}
	if s.handover != nil {
		s.handover.Leave(change.Leave)
	}
	if len(change.Join)+len(change.Leave)+len(change.Packets) > 0 {
		if err := s.member.Change(ctx, change); errors.Is(err, hub.ErrClosed) {
			s.book.feed.Release(change.Join)
			return err
		}
	}
	if m.Revision > s.revision {
		s.book.feed.Release(change.Leave)
		s.channels = append(kept, change.Join...)
		s.revision = m.Revision
	}
	return nil
}

// split divides the session's topics into those that stay and those to leave.
func (s *Session) split(channels []string) (stay, leave []*hub.Topic, left []string) {
	wanted := make(map[string]struct{}, len(channels))
	for _, c := range channels {
		wanted[c] = struct{}{}
	}
	for _, t := range s.channels {
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
func (s *Session) missing(channels []string, topics []*hub.Topic) []string {
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

// release gives all topics back; nothing is applied afterwards.
func (s *Session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	topics := s.channels
	if s.user != nil {
		topics = append(topics, s.user)
	}
	s.book.feed.Release(topics)
	s.channels, s.user = nil, nil
}

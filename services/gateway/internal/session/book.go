package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// ErrNotHeld is returned for an order about a session that is not at this gateway.
var ErrNotHeld = errors.New("no such session at this gateway")

// maxDetach is how many sessions one request to presence names.
const maxDetach = 1000

// Config is what a book works with.
type Config struct {
	Gateway   string // its id
	Namespace contract.Namespace
	Presence  Presence
	Feed      *feed.Feed
	Timeout   time.Duration // of a request to presence
	Room      int           // bytes that may wait for a client
	ResumeIn  time.Duration // a client that comes back is to have got what it missed
	Returned  func(outcome string)
	Refused   func(why string)
	Logger    *slog.Logger

	MaxWaiting int           // clients in line; more are sent away
	MaxWait    time.Duration // that a client is in line at most
}

// Book is the list of the sessions of one gateway.
type Book struct {
	// set at construction
	gateway   string
	namespace contract.Namespace
	presence  Presence
	feed      *feed.Feed
	timeout   time.Duration
	room      int
	resumeIn  time.Duration
	returned  func(outcome string)
	refused   func(why string)
	log       *slog.Logger
	wake      chan struct{} // holds one when sessions have ended
	coming    line          // of those who come
	returning line          // of those who come back: they were lost together, and come together
	waiting   atomic.Int64  // clients in the lines
	shut      chan struct{} // closed when nobody is let in any more
	most      int           // in the lines
	patience  time.Duration // of one in line

	mu       sync.Mutex
	sessions map[string]*Session // by id; guarded by mu
	ended    []*Session          // not yet released; guarded by mu
	gone     map[string]gone     // conn_id → what presence does not know to be gone; guarded by mu
	left     map[string]left     // by id: how far sessions came that have ended just now; guarded by mu
	past     past                // sessions that have ended; guarded by mu

	finishing sync.WaitGroup // clients that still get what they missed
	settling  sync.Mutex     // held while presence is told of ended sessions
}

// gone is a session that has ended.
type gone struct {
	session string
	offset  uint64 // from which its client goes on; 0: where the connection was
	left    bool   // its client said that it leaves
}

// left is how far the client of a session came that has ended. It is kept for the time of a request: presence may be told of a
// newer socket before it hears that the older one is gone.
type left struct {
	offset uint64
	at     time.Time
}

// NewBook makes an empty book.
func NewBook(c Config) *Book {
	return &Book{
		gateway: c.Gateway, namespace: c.Namespace, presence: c.Presence, feed: c.Feed, timeout: c.Timeout, room: c.Room,
		resumeIn: c.ResumeIn, returned: c.Returned, refused: c.Refused, log: c.Logger,
		wake: make(chan struct{}, 1), shut: make(chan struct{}), coming: newLine(false), returning: newLine(true),
		most: c.MaxWaiting, patience: c.MaxWait, sessions: map[string]*Session{},
		gone: map[string]gone{}, left: map[string]left{},
	}
}

// Credentials say whose connection a client wants. With a User, its signature has been checked; with both, the connection
// must be that user's.
type Credentials struct {
	ConnID string
	User   string
	Moved  string    // the session with which the client moved here from another gateway; "": it did not
	Resume bool      // the client keeps its offset
	Opened time.Time // when its socket opened; zero: now
}

// Attach asks presence for the connection and subscribes to its channels; it may wait in line before, as long as ctx
// lets it. The session must Enter or be Abandoned.
func (b *Book) Attach(ctx context.Context, c Credentials, transport string) (*Session, error) {
	if len(c.ConnID) > maxName {
		return nil, contract.Invalid("conn_id", contract.UnknownConnection)
	}
	if len(c.User) > maxName {
		return nil, contract.Invalid("user", contract.UnknownUser)
	}
	s := &Session{ID: rand.Text(), book: b, ConnID: c.ConnID, transport: transport, entered: make(chan struct{})}
	s.turn = s.entered
	if c.Opened.IsZero() {
		c.Opened = time.Now()
	}
	a := &arrival{session: s, opened: c.Opened, let: make(chan error, 1), request: contract.AttachRequest{
		ConnID: c.ConnID, User: c.User, Gateway: b.gateway, Session: s.ID, Transport: transport, Resume: c.Resume, Moved: c.Moved,
	}}
	if c.ConnID == "" {
		s.ConnID = rand.Text()
		a.request.NewConnID = s.ConnID
	}
	line := &b.coming
	if c.Resume {
		line = &b.returning
	}
	if err := b.queue(ctx, line, a); err != nil {
		return nil, err
	}
	// A client that leaves meanwhile must not leave presence behind with a session that nobody ends.
	if err := <-a.let; err != nil {
		return nil, err
	}
	return s, nil
}

// errCrowd is for clients that do not fit into the line, or have been in it for too long.
var errCrowd = contract.Unavailable("Too many clients come at once; try again.")

// queue has a client wait in a line until it is its turn. One whose socket or request has gone, which ends ctx, goes.
func (b *Book) queue(ctx context.Context, l *line, a *arrival) error {
	defer b.waiting.Add(-1)
	if b.waiting.Add(1) > int64(b.most) {
		b.refused("line")
		return errCrowd
	}
	within, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	err := l.wait(within, a, b.shut)
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		b.refused("line")
		return errCrowd
	}
	return err
}

// Waiting is how many clients wait in line.
func (b *Book) Waiting() int { return int(b.waiting.Load()) }

func (b *Book) subjects(channels []string) []feed.Subject {
	subjects := make([]feed.Subject, len(channels))
	for i, c := range channels {
		subjects[i] = feed.Subject{Name: c, Subject: b.namespace.LiveChannel(c)}
	}
	return subjects
}

func (b *Book) forget(s *Session) {
	b.mu.Lock()
	delete(b.sessions, s.ID)
	b.mu.Unlock()
}

// end notes that a session is over; Run does the rest.
func (b *Book) end(s *Session, reason contract.Reason, offset uint64) {
	over := s.ended(reason, offset)
	b.mu.Lock()
	delete(b.sessions, s.ID)
	b.ended = append(b.ended, s)
	b.past.add(over)
	if offset > 0 {
		b.left[s.ID] = left{offset: offset, at: time.Now()}
	}
	if reason != contract.ReasonReplaced && reason != contract.ReasonDisconnected && s.ConnID != "" {
		b.gone[s.ConnID] = gone{session: s.ID, offset: offset, left: reason == contract.ReasonLeft}
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Book) held(id string) *Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[id]
}

// find gives a session that has entered, waiting for one that is about to.
func (b *Book) find(ctx context.Context, id string) (*Session, error) {
	s := b.held(id)
	if s == nil {
		return nil, ErrNotHeld
	}
	select {
	case <-s.entered:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.member == nil {
		return nil, ErrNotHeld
	}
	return s, nil
}

// Order brings a membership from presence into force.
func (b *Book) Order(ctx context.Context, o contract.MembershipOrder) error {
	s, err := b.find(ctx, o.Session)
	if err != nil {
		return err
	}
	if err := s.apply(ctx, o.Membership, s.notify); errors.Is(err, hub.ErrClosed) {
		return ErrNotHeld
	} else if err != nil {
		return err
	}
	return nil
}

// Close closes a session's socket, waits until no more is sent to it, and gives how far its client has come; also of one that
// has ended just now. For one that has not begun to enter it does not wait: that may be because presence has not answered yet,
// and presence may not answer before we do.
func (b *Book) Close(ctx context.Context, o contract.CloseOrder) (offset uint64, err error) {
	if s := b.held(o.Session); s != nil && s.turnBack(o.Reason) {
		return 0, ErrNotHeld
	}
	s, err := b.find(ctx, o.Session)
	if err != nil {
		return b.leftAt(o.Session), err
	}
	s.member.Close(o.Reason)
	if err := s.member.Change(ctx, hub.Change{}); err != nil && !errors.Is(err, hub.ErrClosed) {
		return 0, fmt.Errorf("close a session: %w", err)
	}
	return b.leftAt(o.Session), nil
}

// leftAt is how far the client of a session came that has ended just now; 0: that is not known.
func (b *Book) leftAt(id string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left[id].offset
}

// forgetLeft forgets how far those came that ended before a moment.
func (b *Book) forgetLeft(before time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.left, func(_ string, l left) bool { return l.at.Before(before) })
}

// Run lets clients in, releases what ended sessions held and tells presence of them, until ctx ends; what is left then it
// tells within the timeout of one request.
func (b *Book) Run(ctx context.Context) error {
	var open sync.WaitGroup
	for _, l := range []*line{&b.coming, &b.returning} {
		open.Go(func() { l.keep(ctx, &open, b.open) })
	}
	retry := time.NewTicker(500 * time.Millisecond)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			close(b.shut)
			open.Wait()
			b.finishing.Wait() // their members are closed
			b.Settle(context.WithoutCancel(ctx))
			return nil
		case <-b.wake:
			b.Settle(ctx)
		case <-retry.C:
			b.Settle(ctx)
			b.forgetLeft(time.Now().Add(-b.timeout))
		}
	}
}

// Settle releases what ended sessions held and tells presence of them. When it returns, presence knows of every session
// that ended before the call, unless it does not answer: then Run tries again.
func (b *Book) Settle(ctx context.Context) {
	b.settling.Lock()
	defer b.settling.Unlock()
	b.mu.Lock()
	ended := b.ended
	b.ended = nil
	b.mu.Unlock()
	for _, s := range ended {
		s.release()
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	for {
		batch := b.takeGone()
		if len(batch) == 0 {
			return
		}
		if _, err := b.presence.Detach(ctx, b.detachment(batch)); err != nil {
			b.log.Debug("presence was not told of ended sessions; trying again", "sessions", len(batch), "error", err)
			b.putBack(batch)
			return
		}
	}
}

func (b *Book) detachment(batch map[string]gone) contract.DetachRequest {
	request := contract.DetachRequest{
		Gateway: b.gateway, Sessions: make(map[string]string, len(batch)), Offsets: make(map[string]uint64, len(batch)),
	}
	for conn, g := range batch {
		request.Sessions[conn] = g.session
		if g.offset > 0 {
			request.Offsets[conn] = g.offset
		}
		if g.left {
			request.Left = append(request.Left, conn)
		}
	}
	return request
}

func (b *Book) takeGone() map[string]gone {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := make(map[string]gone, min(len(b.gone), maxDetach))
	for conn, g := range b.gone {
		if len(batch) == maxDetach {
			break
		}
		batch[conn] = g
		delete(b.gone, conn)
	}
	return batch
}

func (b *Book) putBack(batch map[string]gone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn, g := range batch {
		if _, newer := b.gone[conn]; !newer {
			b.gone[conn] = g
		}
	}
}

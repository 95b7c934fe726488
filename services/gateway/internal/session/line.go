package session

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/shared/contract"
)

// A line is where clients wait to be let in. They are let in by batches, one after the other: presence and the log are
// asked once for all of a batch, and when a crowd comes, those who are here get their messages between two batches, not
// behind the crowd.
type line struct {
	arrivals chan *arrival
	batch    int  // clients that come in together, at most
	rests    bool // after a batch nobody is let in for as long as the batch took
}

// together is how many come in at once, for each processor.
const together = 8

func newLine(rests bool) line {
	return line{arrivals: make(chan *arrival), batch: min(together*runtime.GOMAXPROCS(0), contract.MaxAttach), rests: rests}
}

// patience is how long a batch holds up the next. A client may have to wait for another gateway that does not answer.
const patience = 250 * time.Millisecond

// A batch is one request to presence, which a message must hold however its bytes are escaped.
const (
	maxName  = 16 << 10 // bytes of a connection's or user's name: 4,096 characters, as many as the settings allow
	maxNames = 64 << 10 // bytes of names with which a batch is full
)

// An arrival is a client that waits in line.
type arrival struct {
	session *Session
	request contract.AttachRequest
	opened  time.Time             // the client's socket
	answer  contract.AttachAnswer // once it is let in
	let     chan error            // holds one: whether the session may enter
}

// names is how many bytes they take.
func (a *arrival) names() int { return len(a.request.ConnID) + len(a.request.User) }

// wait stands in line, as long as ctx lets it, until the client is taken in.
func (l *line) wait(ctx context.Context, a *arrival, shut <-chan struct{}) error {
	select {
	case l.arrivals <- a:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait in line: %w", ctx.Err())
	case <-shut:
		return contract.Unavailable("This server is shutting down; connect again.")
	}
}

// keep lets clients in, until ctx ends. Each batch is opened on a goroutine of opening.
func (l *line) keep(ctx context.Context, opening *sync.WaitGroup, open func([]*arrival)) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-l.arrivals:
			began, some := time.Now(), l.gather(first)
			opening.Go(func() { open(some) })
			if entered(ctx, some) && l.rests {
				rest(ctx, time.Since(began))
			}
		}
	}
}

// gather takes others who wait.
func (l *line) gather(first *arrival) []*arrival {
	some, names := []*arrival{first}, first.names()
	for len(some) < l.batch && names < maxNames {
		select {
		case next := <-l.arrivals:
			some, names = append(some, next), names+next.names()
		default:
			return some
		}
	}
	return some
}

// entered waits until a batch is in, and says whether that was before the patience ended.
func entered(ctx context.Context, some []*arrival) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, a := range some {
		select {
		case <-a.session.entered:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// open attaches a batch and subscribes to what its clients hear.
func (b *Book) open(some []*arrival) {
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	attached := b.attach(ctx, some)
	var subjects []feed.Subject
	for _, a := range attached {
		subjects = append(subjects, feed.Subject{Name: a.answer.User, Subject: b.namespace.LiveUser(a.answer.User)})
		subjects = append(subjects, b.subjects(a.answer.Channels)...)
	}
	topics, err := b.feed.Acquire(ctx, subjects)
	for _, a := range attached {
		if err != nil {
			a.session.Abandon()
			a.let <- fmt.Errorf("subscribe: %w", err)
			continue
		}
		n := len(a.answer.Channels)
		a.session.user, a.session.channels, topics = topics[0], slices.Clone(topics[1:1+n]), topics[1+n:]
		a.let <- nil
	}
}

// attach asks presence for the connections of a batch, and gives those that it got; the others it has told.
func (b *Book) attach(ctx context.Context, some []*arrival) (attached []*arrival) {
	list := contract.AttachList{Clients: make([]contract.AttachRequest, len(some))}
	b.mu.Lock()
	for i, a := range some {
		b.sessions[a.session.ID] = a.session
		list.Clients[i] = a.request
		list.Clients[i].Waited = time.Since(a.opened).Milliseconds()
	}
	b.mu.Unlock()
	answers, err := b.presence.Attach(ctx, list)
	if err == nil && len(answers.Clients) != len(some) {
		err = fmt.Errorf("presence answers for %d clients of %d", len(answers.Clients), len(some))
	}
	for i, a := range some {
		failed := err
		if failed == nil && answers.Clients[i].Fault != nil {
			failed = answers.Clients[i].Fault
		}
		if failed != nil {
			b.turnAway(a, failed)
			continue
		}
		a.answer = answers.Clients[i].AttachAnswer
		s := a.session
		s.advance(letIn)
		s.ConnID, s.User, s.revision = a.answer.ConnID, a.answer.User, a.answer.Revision
		s.offset, s.exact, s.Left = a.answer.Offset, a.answer.Exact, a.answer.Left
		attached = append(attached, a)
	}
	return attached
}

// turnAway tells a client that it can not come in. Unless presence refused it, it may be attached all the same.
func (b *Book) turnAway(a *arrival, err error) {
	var fault *contract.Fault
	if errors.As(err, &fault) && fault.Code != contract.CodeUnavailable && fault.Code != contract.CodeInternal {
		b.forget(a.session)
		a.session.opened()
	} else {
		a.session.Abandon()
	}
	a.let <- fmt.Errorf("attach: %w", err)
}

package presence

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// attachAll lets several clients of a gateway in, each for itself.
func (s *Service) attachAll(ctx context.Context, q contract.AttachList) (contract.AttachAnswers, error) {
	if n := len(q.Clients); n == 0 || n > contract.MaxAttach {
		return contract.AttachAnswers{}, contract.Invalid("clients", fmt.Sprintf("1 to %d.", contract.MaxAttach))
	}
	answers := contract.AttachAnswers{Clients: make([]contract.AttachOutcome, len(q.Clients))}
	var each sync.WaitGroup
	for i, client := range q.Clients {
		each.Go(func() {
			answer, err := s.attach(ctx, client)
			answers.Clients[i].AttachAnswer = answer
			if err != nil {
				answers.Clients[i].Fault = bus.FaultFor(ctx, s.log, contract.VerbAttach, err)
			}
		})
	}
	each.Wait()
	return answers, nil
}

// notably is how much older a socket is than another one for that to be sure: ages are as their gateways say, and as requests arrive.
const notably = 100 * time.Millisecond

// opened says when the socket opened for which a gateway asks.
func opened(q contract.AttachRequest, now time.Time) time.Time {
	return now.Add(-time.Duration(max(q.Waited, 0)) * time.Millisecond)
}

// since says when the socket opened that has a connection.
func since(c *contract.ConnectionRecord) time.Time {
	if c.Opened.IsZero() {
		return c.Since
	}
	return c.Opened
}

// overtaken says whether the socket that has a connection opened after the one for which a gateway asks: the client has come back
// by itself, and what it left behind was held up. A time that is yet to come is another replica's, whose clock is wrong.
func overtaken(q contract.AttachRequest, by *contract.ConnectionRecord, now time.Time) bool {
	at := since(by)
	return by.State == contract.Attached && !at.After(now) && at.Sub(opened(q, now)) > notably
}

// attach notes that a gateway holds a socket of a connection. The newest socket wins.
func (s *Service) attach(ctx context.Context, q contract.AttachRequest) (contract.AttachAnswer, error) {
	if err := needAll("gateway", q.Gateway, "session", q.Session); err != nil {
		return contract.AttachAnswer{}, err
	}
	if q.ConnID == "" {
		return s.attachUser(ctx, q)
	}
	now := time.Now().UTC()
	outcome, err := s.ledger.Connections.Change(ctx, q.ConnID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !mayAttach(c, q) {
			return nil, contract.Invalid("conn_id", contract.UnknownConnection)
		}
		if ledger.Holds(c, q.Gateway, q.Session) {
			return c, nil
		}
		if q.Moved != "" && c.State == contract.Attached && c.Session != q.Moved {
			return nil, &contract.Fault{Code: contract.CodeConflict, Message: "A newer socket has the connection."}
		}
		if overtaken(q, c, now) {
			return nil, contract.Unavailable("A newer socket has the connection; connect again.")
		}
		return attached(*c, q, now), nil
	})
	if err != nil {
		return contract.AttachAnswer{}, err
	}
	answer := attachAnswer(outcome)
	answer.Left = outcome.Before.Left
	answer.Offset, answer.Exact = outcome.Before.Offset, outcome.Before.Exact
	if outcome.Changed() && outcome.Before.State == contract.Attached {
		answer.Offset, answer.Exact = s.takeOver(ctx, outcome.Before)
	}
	if outcome.Before.State == contract.Dormant { // its user was away, and perhaps forgotten
		_, err = s.ledger.Users.Change(ctx, answer.User, s.known(knowing{user: answer.User}, now))
	}
	return answer, err
}

// takeOver closes the older socket of a connection, and gives how far it got. One that is not told now is closed when its
// gateway compares what it holds; from one that does not say how far it got, the client goes on where that socket began.
func (s *Service) takeOver(ctx context.Context, older *contract.ConnectionRecord) (offset uint64, exact bool) {
	answer, _ := s.orderClose(ctx, older, contract.ReasonReplaced)
	if answer.Offset > 0 {
		return answer.Offset, true
	}
	return older.Offset, older.Exact && answer.Held
}

// mayAttach says whether a connection, which may be nil, is there for whoever asks. A user who names the connection of
// an earlier session has proved to be that user, and nothing else.
func mayAttach(c *contract.ConnectionRecord, q contract.AttachRequest) bool {
	switch {
	case c == nil, q.User != "" && q.User != c.User:
		return false
	case c.Left: // the user of an earlier session has left it, too
		return q.User == ""
	}
	return true
}

// attachUser makes a connection of its own for a user whose signature the gateway has checked.
func (s *Service) attachUser(ctx context.Context, q contract.AttachRequest) (contract.AttachAnswer, error) {
	if err := needAll("user", q.User, "new_conn_id", q.NewConnID); err != nil {
		return contract.AttachAnswer{}, err
	}
	now := time.Now().UTC()
	var outcome ledger.Outcome[contract.ConnectionRecord]
	var g errgroup.Group
	g.Go(func() (err error) {
		outcome, err = s.ledger.Connections.Change(ctx, q.NewConnID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
			switch {
			case c == nil:
				return attached(contract.ConnectionRecord{ConnID: q.NewConnID, User: q.User, Channels: []string{}}, q, now), nil
			case c.User == q.User && ledger.Holds(c, q.Gateway, q.Session):
				return c, nil
			}
			return nil, &contract.Fault{Code: contract.CodeConflict, Message: "The new connection id is taken."}
		})
		return err
	})
	g.Go(func() error {
		_, err := s.ledger.Users.Change(ctx, q.User, s.known(knowing{user: q.User}, now))
		return err
	})
	if err := g.Wait(); err != nil {
		return contract.AttachAnswer{}, err
	}
	return attachAnswer(outcome), nil
}

func attached(c contract.ConnectionRecord, q contract.AttachRequest, now time.Time) *contract.ConnectionRecord {
	at := opened(q, now)
	if q.Moved != "" && c.State == contract.Attached { // it is the same client as before
		at = since(&c)
	}
	c.State, c.Since, c.Left, c.By = contract.Attached, now, false, contract.CauseOpened
	c.Gateway, c.Session, c.Transport = q.Gateway, q.Session, q.Transport
	c.Opened = time.Time{}
	if now.Sub(at) > notably {
		c.Opened = at
	}
	return &c
}

func attachAnswer(o ledger.Outcome[contract.ConnectionRecord]) contract.AttachAnswer {
	return contract.AttachAnswer{
		ConnID: o.After.ConnID, User: o.After.User,
		Membership: contract.Membership{Revision: o.Revision, Channels: list(o.After.Channels)},
	}
}

// maxDetach is how many sessions one request may name.
const maxDetach = 1000

// detachAtOnce is how many records of one request are written at a time.
const detachAtOnce = 64

// detach lets connections linger whose sockets are gone, but for those whose clients left.
func (s *Service) detach(ctx context.Context, q contract.DetachRequest) (contract.DetachAnswer, error) {
	if len(q.Sessions) > maxDetach {
		return contract.DetachAnswer{}, contract.Invalid("sessions", fmt.Sprintf("At most %d.", maxDetach))
	}
	now := time.Now().UTC()
	left := make(map[string]bool, len(q.Left))
	for _, connID := range q.Left {
		left[connID] = true
	}
	detached := make(chan struct{}, len(q.Sessions))
	var g errgroup.Group
	g.SetLimit(detachAtOnce)
	for connID, session := range q.Sessions {
		if connID == "" {
			continue
		}
		g.Go(func() error {
			change := ledger.Detach(q.Gateway, session, q.Offsets[connID], now)
			if left[connID] {
				change = ledger.Leave(q.Gateway, session, now)
			}
			outcome, err := s.ledger.Connections.Change(ctx, connID, change)
			if err != nil || !outcome.Changed() {
				return err
			}
			detached <- struct{}{}
			if !left[connID] {
				return nil
			}
			return s.ledger.Touch(ctx, outcome.After.User, now, s.config.UserRetention/8)
		})
	}
	err := g.Wait()
	return contract.DetachAnswer{Detached: len(detached)}, err
}

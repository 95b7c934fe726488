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
				answers.Clients[i].Fault = bus.FaultFor(s.log, contract.VerbAttach, err)
			}
		})
	}
	each.Wait()
	return answers, nil
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
		return attached(*c, q, now), nil
	})
	if err != nil {
		return contract.AttachAnswer{}, err
	}
	answer := attachAnswer(outcome)
	taken := outcome.Changed() && outcome.Before.State == contract.Attached
	held := false
	if taken { // an older socket that is not told now is closed when its gateway compares what it holds
		held, _ = s.orderClose(ctx, outcome.Before, contract.ReasonReplaced)
	}
	if !held || q.Resume {
		answer.Offset = outcome.Before.Offset // or else an older socket has got everything
	}
	if outcome.Before.State == contract.Dormant { // its user was away, and perhaps forgotten
		_, err = s.ledger.Users.Change(ctx, answer.User, s.known(knowing{user: answer.User}, now))
	}
	return answer, err
}

// mayAttach says whether a connection, which may be nil, is there for whoever asks. A user who names the connection of
// an earlier session has proved to be that user, and nothing else.
func mayAttach(c *contract.ConnectionRecord, q contract.AttachRequest) bool {
	return c != nil && (c.State != contract.Dormant || q.Resume) && (q.User == "" || q.User == c.User)
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
	c.State, c.Since = contract.Attached, now
	c.Gateway, c.Session, c.Transport = q.Gateway, q.Session, q.Transport
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

// detach lets connections linger whose sockets are gone.
func (s *Service) detach(ctx context.Context, q contract.DetachRequest) (contract.DetachAnswer, error) {
	if len(q.Sessions) > maxDetach {
		return contract.DetachAnswer{}, contract.Invalid("sessions", fmt.Sprintf("At most %d.", maxDetach))
	}
	now := time.Now().UTC()
	detached := make(chan struct{}, len(q.Sessions))
	var g errgroup.Group
	g.SetLimit(detachAtOnce)
	for connID, session := range q.Sessions {
		if connID == "" {
			continue
		}
		g.Go(func() error {
			outcome, err := s.ledger.Connections.Change(ctx, connID, ledger.Detach(q.Gateway, session, q.Offsets[connID], now))
			if err == nil && outcome.Changed() {
				detached <- struct{}{}
			}
			return err
		})
	}
	err := g.Wait()
	return contract.DetachAnswer{Detached: len(detached)}, err
}

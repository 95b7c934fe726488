package presence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// What a gateway and presence know of each other's sessions goes apart when orders are lost, or when a gateway was not heard
// for longer than its lease and its connections were taken for gone. So a gateway that may have missed something says
// what it holds, and hears what is otherwise.

var (
	errForgotten = errors.New("the connection was forgotten")
	errReplaced  = errors.New("a newer socket has the connection")
)

// compare says what is otherwise than a gateway has it.
func (s *Service) compare(ctx context.Context, q contract.CompareRequest) (contract.CompareAnswer, error) {
	if err := needAll("gateway", q.Gateway); err != nil {
		return contract.CompareAnswer{}, err
	}
	if len(q.Sessions) > contract.MaxCompare {
		return contract.CompareAnswer{}, contract.Invalid("sessions", fmt.Sprintf("At most %d.", contract.MaxCompare))
	}
	if q.Begins {
		n, err := s.detachEarlier(ctx, q)
		return contract.CompareAnswer{Differences: n}, err
	}
	var mu sync.Mutex
	answer := contract.CompareAnswer{Memberships: map[string]contract.Membership{}, Close: map[string]contract.Reason{}}
	var each errgroup.Group
	each.SetLimit(detachAtOnce)
	for connID, held := range s.doubtful(q) {
		each.Go(func() error {
			membership, err := s.confirm(ctx, q.Gateway, connID, held)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, errForgotten):
				answer.Close[connID] = contract.ReasonDraining // its client comes back, and learns what is so
			case errors.Is(err, errReplaced):
				answer.Close[connID] = contract.ReasonReplaced
			case err != nil:
				return err
			case membership.Revision > held.Revision:
				answer.Memberships[connID] = membership
			}
			return nil
		})
	}
	err := each.Wait()
	answer.Differences = len(answer.Memberships) + len(answer.Close)
	return answer, err
}

// doubtful gives those sessions that the index has otherwise.
func (s *Service) doubtful(q contract.CompareRequest) map[string]contract.HeldSession {
	doubtful := map[string]contract.HeldSession{}
	s.ledger.Read(func(r *roster.Roster) {
		for connID, held := range q.Sessions {
			row := r.Connection(contract.EncodeToken(connID))
			if !ledger.Holds(row.Record, q.Gateway, held.Session) || row.Revision != held.Revision {
				doubtful[connID] = held
			}
		}
	})
	return doubtful
}

// confirm gives the membership of a session that has its connection, or has it again: nobody else took it while it was
// thought to be gone.
func (s *Service) confirm(ctx context.Context, gateway, connID string, held contract.HeldSession) (contract.Membership, error) {
	now := time.Now().UTC()
	outcome, err := s.ledger.Connections.Change(ctx, connID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		switch {
		case c == nil:
			return nil, errForgotten
		case ledger.Holds(c, gateway, held.Session):
			return c, nil
		case c.State == contract.Attached:
			return nil, errReplaced
		}
		q := contract.AttachRequest{ConnID: connID, Gateway: gateway, Session: held.Session, Transport: held.Transport}
		return attached(*c, q, now), nil
	})
	if err != nil {
		return contract.Membership{}, err
	}
	if outcome.Changed() && outcome.Before.State == contract.Dormant { // its user was away, and perhaps forgotten
		user := outcome.After.User
		if _, err := s.ledger.Users.Change(ctx, user, s.known(knowing{user: user}, now)); err != nil {
			return contract.Membership{}, err
		}
	}
	return attachAnswer(outcome).Membership, nil
}

// detachEarlier lets those connections linger that a gateway held in an earlier life.
func (s *Service) detachEarlier(ctx context.Context, q contract.CompareRequest) (int, error) {
	var earlier []contract.ConnectionRecord
	s.ledger.Read(func(r *roster.Roster) {
		for c := range r.At(q.Gateway) {
			if q.Sessions[c.ConnID].Session != c.Session {
				earlier = append(earlier, *c)
			}
		}
	})
	now := time.Now().UTC()
	var each errgroup.Group
	each.SetLimit(detachAtOnce)
	for _, c := range earlier {
		each.Go(func() error {
			_, err := s.ledger.Connections.Change(ctx, c.ConnID, ledger.Detach(q.Gateway, c.Session, 0, now))
			return err
		})
	}
	return len(earlier), each.Wait()
}

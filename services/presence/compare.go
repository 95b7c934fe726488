package presence

import (
	"cmp"
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
	errLost      = errors.New("the connection was taken for gone")
)

// compare says what is otherwise than a gateway has it.
func (s *Service) compare(ctx context.Context, q contract.CompareRequest) (contract.CompareAnswer, error) {
	if err := needAll("gateway", q.Gateway); err != nil {
		return contract.CompareAnswer{}, err
	}
	if len(q.Sessions) > contract.MaxCompare {
		return contract.CompareAnswer{}, contract.Invalid("sessions", fmt.Sprintf("At most %d.", contract.MaxCompare))
	}
	var mu sync.Mutex
	answer := contract.CompareAnswer{Memberships: map[string]contract.Membership{}, Close: map[string]contract.Reason{}}
	if q.List {
		answer.Held = s.at(q.Gateway, cmp.Or(q.Parts, contract.AllParts))
	}
	var each errgroup.Group
	each.SetLimit(detachAtOnce)
	for connID, held := range s.doubtful(q) {
		each.Go(func() error {
			membership, err := s.confirm(ctx, q, connID, held)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, errForgotten):
				answer.Close[connID] = contract.ReasonDraining // its client comes back, and learns what is so
			case errors.Is(err, errReplaced):
				answer.Close[connID] = contract.ReasonReplaced
			case errors.Is(err, errLost):
				answer.Lost = append(answer.Lost, connID)
			case err != nil:
				return err
			case membership.Revision > held.Revision:
				answer.Memberships[connID] = membership
			}
			return nil
		})
	}
	return answer, each.Wait()
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

// confirm gives the membership of a session that has its connection, or gets it back.
func (s *Service) confirm(ctx context.Context, q contract.CompareRequest, connID string, held contract.HeldSession) (contract.Membership, error) {
	now := time.Now().UTC()
	outcome, err := s.ledger.Connections.Change(ctx, connID, func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		switch {
		case c == nil:
			return nil, errForgotten
		case ledger.Holds(c, q.Gateway, held.Session):
			return c, nil
		case c.State == contract.Attached:
			return nil, errReplaced
		case !q.Reattach:
			return nil, errLost
		}
		back := contract.AttachRequest{ConnID: connID, Gateway: q.Gateway, Session: held.Session, Transport: held.Transport}
		return attached(*c, back, now), nil
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

// at gives the sessions of some parts that the index has at a gateway, by connection.
func (s *Service) at(gateway string, parts contract.Parts) map[string]string {
	held := map[string]string{}
	s.ledger.Read(func(r *roster.Roster) {
		for c := range r.At(gateway) {
			if parts.Has(c.ConnID) {
				held[c.ConnID] = c.Session
			}
		}
	})
	return held
}

package session

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Begin tells presence that this gateway holds nothing of an earlier life under the same name.
func (b *Book) Begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err := b.presence.Compare(ctx, contract.CompareRequest{Gateway: b.gateway, Begins: true})
	return err
}

// Compare tells presence what is held here, and does what it has otherwise: orders may have been lost, or clients taken
// for gone. It gives how many differences there were.
func (b *Book) Compare(ctx context.Context) (differences int, err error) {
	held := b.holding()
	for len(held) > 0 {
		batch := make(map[string]*Session, min(len(held), contract.MaxCompare))
		request := contract.CompareRequest{Gateway: b.gateway, Sessions: map[string]contract.HeldSession{}}
		for connID, s := range held {
			if len(batch) == contract.MaxCompare {
				break
			}
			batch[connID], request.Sessions[connID] = s, s.describe()
		}
		maps.DeleteFunc(held, func(connID string, _ *Session) bool { return batch[connID] != nil })
		n, err := b.compare(ctx, request, batch)
		differences += n
		if err != nil {
			return differences, err
		}
	}
	return differences, nil
}

func (b *Book) compare(ctx context.Context, request contract.CompareRequest, batch map[string]*Session) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	answer, err := b.presence.Compare(ctx, request)
	if err != nil {
		return 0, fmt.Errorf("compare sessions: %w", err)
	}
	for connID, reason := range answer.Close {
		if s := batch[connID]; s != nil {
			s.member.Close(reason)
		}
	}
	for connID, membership := range answer.Memberships {
		s := batch[connID]
		if s == nil {
			continue
		}
		if b.held(s.ID) == nil { // it ended meanwhile, and may have been taken for held again
			b.detachAgain(s)
			continue
		}
		if err := s.apply(ctx, membership, s.notify); err != nil && !errors.Is(err, hub.ErrClosed) {
			return answer.Differences, err
		}
	}
	return answer.Differences, nil
}

// holding gives the sessions that have begun, by connection.
func (b *Book) holding() map[string]*Session {
	b.mu.Lock()
	all := make([]*Session, 0, len(b.sessions))
	for _, s := range b.sessions {
		all = append(all, s)
	}
	b.mu.Unlock()
	held := make(map[string]*Session, len(all))
	for _, s := range all {
		if s.hasBegun() {
			held[s.ConnID] = s
		}
	}
	return held
}

// hasBegun says whether the session has a member, and is not over.
func (s *Session) hasBegun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == entering || s.state == live
}

func (s *Session) describe() contract.HeldSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	return contract.HeldSession{Session: s.ID, Revision: s.revision, Transport: s.way}
}

// detachAgain has presence told once more that a session has ended.
func (b *Book) detachAgain(s *Session) {
	b.mu.Lock()
	if _, newer := b.gone[s.ConnID]; !newer {
		b.gone[s.ConnID] = gone{session: s.ID}
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

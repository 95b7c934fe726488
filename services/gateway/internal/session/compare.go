package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Digest is what is held here, in brief.
func (b *Book) Digest() (d contract.Digest) {
	for _, s := range b.begun(contract.AllParts) {
		held := s.describe()
		d.Add(s.ConnID, held.Session, held.Revision)
	}
	return d
}

// Compare tells presence what is held here of some parts, and does what it has otherwise: orders may have been lost, or
// clients taken for gone. It gives how many differences there were.
func (b *Book) Compare(ctx context.Context, parts contract.Parts) (differences int, err error) {
	for some := range slices.Chunk(b.begun(parts), contract.MaxCompare) {
		batch := make(map[string]*Session, len(some))
		for _, s := range some {
			batch[s.ConnID] = s
		}
		n, err := b.compare(ctx, batch, false)
		differences += n
		if err != nil {
			return differences, err
		}
	}
	n, err := b.DropStrangers(ctx, parts)
	return differences + n, err
}

// DropStrangers tells presence of those sessions of some parts to be gone that it has at this gateway and that are not here:
// they ended unheard, or in an earlier life of the gateway. Each is named, so that a request which is heard late concerns
// no other.
func (b *Book) DropStrangers(ctx context.Context, parts contract.Parts) (int, error) {
	b.Settle(ctx) // those that it has not heard of yet are none
	within, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	answer, err := b.presence.Compare(within, contract.CompareRequest{Gateway: b.gateway, List: true, Parts: parts})
	if err != nil {
		return 0, fmt.Errorf("list sessions: %w", err)
	}
	strangers := 0
	for connID, id := range answer.Held {
		if parts.Has(connID) && b.held(id) == nil { // a replica of before knows no parts
			strangers++
			b.stranger(connID, id)
		}
	}
	if strangers > 0 {
		b.Settle(ctx)
	}
	return strangers, nil
}

// compare compares some sessions. Connections that were taken for gone are asked back, once.
func (b *Book) compare(ctx context.Context, batch map[string]*Session, reattach bool) (int, error) {
	request := contract.CompareRequest{Gateway: b.gateway, Reattach: reattach, Sessions: make(map[string]contract.HeldSession, len(batch))}
	for connID, s := range batch {
		request.Sessions[connID] = s.describe()
	}
	within, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	answer, err := b.presence.Compare(within, request)
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
		if err := s.apply(within, membership, s.notify); err != nil && !errors.Is(err, hub.ErrClosed) {
			return 0, err
		}
	}
	differences := len(answer.Close) + len(answer.Memberships)
	lost := make(map[string]*Session, len(answer.Lost))
	for _, connID := range answer.Lost {
		if s := batch[connID]; s != nil && b.held(s.ID) != nil {
			lost[connID] = s
		}
	}
	if reattach || len(lost) == 0 {
		return differences, nil
	}
	n, err := b.compare(ctx, lost, true)
	return differences + n, err
}

// begun gives the sessions of some parts that have begun.
func (b *Book) begun(parts contract.Parts) []*Session {
	b.mu.Lock()
	all := slices.Collect(maps.Values(b.sessions))
	b.mu.Unlock()
	return slices.DeleteFunc(all, func(s *Session) bool { return !s.hasBegun() || !parts.Has(s.ConnID) })
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
	return contract.HeldSession{Session: s.ID, Revision: s.revision, Transport: s.transport}
}

// stranger has presence told that a session is gone, unless it is to be told so of the connection already.
func (b *Book) stranger(connID, session string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, other := b.gone[connID]; !other {
		b.gone[connID] = gone{session: session}
	}
}

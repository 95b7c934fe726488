package session

import (
	"cmp"
	"context"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// How far a session came is told to who asks why a client did not get a message. What it takes is here anyhow, or is noted when a
// session begins or ends, or is told that it missed something: never for a message.

// mostPast is how many sessions that have ended are remembered. The oldest are forgotten first.
const mostPast = 4096

// past is sessions that have ended, in a ring that grows up to its bound.
type past struct {
	sessions []ended
	oldest   int
}

// ended is a session that has ended.
type ended struct {
	id      string
	account contract.SessionAccount
}

// add remembers a session.
func (p *past) add(e ended) {
	if len(p.sessions) < mostPast {
		p.sessions = append(p.sessions, e)
		return
	}
	p.sessions[p.oldest] = e
	p.oldest = (p.oldest + 1) % mostPast
}

// note notes how the session began.
func (s *Session) note(o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outset = o
}

// noting notes that the client is told that it missed something. tell may be nil. It may be called while a hand-over is locked,
// which the session locks as well: so it takes no lock.
func (s *Session) noting(tell hub.Missed) hub.Missed {
	if tell == nil {
		return nil
	}
	return func(since, offset uint64) [][]byte {
		for told := s.missed.Load(); !s.missed.CompareAndSwap(told, alsoMissed(told, since, offset)); told = s.missed.Load() {
		}
		return tell(since, offset)
	}
}

// mostMissed is how often a session remembers that its client missed something. Beyond that the two oldest become one.
const mostMissed = 8

func alsoMissed(told *[]contract.MissedSpan, since, offset uint64) *[]contract.MissedSpan {
	all := []contract.MissedSpan{}
	if told != nil {
		all = append(all, *told...)
	}
	if len(all) == mostMissed {
		all[1].Since = min(all[0].Since, all[1].Since)
		all = all[1:]
	}
	all = append(all, contract.MissedSpan{Since: since, Offset: offset, At: time.Now().UTC()})
	return &all
}

// account says how the session began, and what its client was told since.
func (s *Session) account() contract.SessionAccount {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := contract.SessionAccount{
		ConnID: s.ConnID, Transport: s.transport, Resumed: s.outset.Resumed,
		CatchingUp: s.handover != nil, Since: cmp.Or(s.outset.Since, s.offset, s.outset.Offset),
	}
	if s.outset.Missed {
		a.Missed = append(a.Missed, contract.MissedSpan{Since: s.outset.Since, Offset: s.outset.Offset})
	}
	if told := s.missed.Load(); told != nil {
		a.Missed = append(a.Missed, *told...)
	}
	return a
}

// ended is the account of a session that has ended now, with how far its client has come.
func (s *Session) ended(reason contract.Reason, offset uint64) ended {
	e := ended{id: s.ID, account: s.account()}
	e.account.Acknowledged = offset
	e.account.Ended = &contract.EndedSpan{Reason: reason, At: time.Now().UTC()}
	return e
}

// Accounts says how far those of some sessions came that are here, or were not long ago, by id.
func (b *Book) Accounts(ctx context.Context, ids []string) map[string]contract.SessionAccount {
	accounts := make(map[string]contract.SessionAccount, len(ids))
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		if s := b.held(id); s != nil {
			if account, open := s.progress(ctx); open {
				accounts[id] = account
				continue
			}
		}
		wanted[id] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.past.sessions {
		if wanted[e.id] {
			accounts[e.id] = e.account
		}
	}
	return accounts
}

// progress is the account of a session that is open, or about to be.
func (s *Session) progress(ctx context.Context) (account contract.SessionAccount, open bool) {
	account = s.account()
	select {
	case <-s.entered:
	default:
		account.Coming = true
		return account, true
	}
	if s.member == nil {
		return account, false
	}
	progress, err := s.member.Progress(ctx)
	account.Transport = cmp.Or(progress.Transport, account.Transport)
	account.Handed, account.Acknowledged, account.Backlog = progress.Handed, progress.Arrived, progress.Waiting
	return account, err == nil
}

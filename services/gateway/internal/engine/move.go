package engine

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Move takes a step of the move of a session to another gateway, where its client opens a WebSocket; see away.go.
func (e *Engine) Move(ctx context.Context, o contract.MoveOrder) (contract.MoveAnswer, error) {
	e.mu.Lock()
	c := e.sessions[o.SID]
	e.mu.Unlock()
	if c == nil {
		return contract.MoveAnswer{}, nil
	}
	answer := contract.MoveAnswer{Known: true}
	switch o.Step {
	case contract.StepTry:
		if c.member.Why() != "" {
			return contract.MoveAnswer{}, nil
		}
		answer.Busy = c.revision3 != (o.Revision == 3) || c.dialog.Opening() || !c.tryAway()
	case contract.StepDrain:
		answer.Busy = c.speaks() != away || c.dialog.Opening()
		if !answer.Busy {
			c.drain()
		}
	case contract.StepTake:
		session, err := c.leave(ctx)
		answer.Busy, answer.Session = session == nil, session
		return answer, err
	case contract.StepBack:
		c.stay()
	}
	return answer, nil
}

// fetching is the try of another gateway to take a session.
type fetching struct {
	limit   *time.Timer // of the try
	reached chan uint64 // holds one when the session is over: how far its client has come
}

// tryAway begins to try a socket that is at another gateway. If nothing comes of that, the client is to poll again, though
// the other one may have died meanwhile.
func (c *conversation) tryAway() bool {
	if !c.try() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.way = away
	const waits = 2 // for the probe, and for the upgrade
	c.fetching = &fetching{
		limit:   time.AfterFunc(waits*c.engine.patience()+lastWait, c.stay),
		reached: make(chan uint64, 1),
	}
	return true
}

// drain lets the poll that waits go, and those to come.
func (c *conversation) drain() {
	c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Drain(); return "" })
}

// stay ends the try: the session goes on polling.
func (c *conversation) stay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.way != away {
		return
	}
	c.way = polls
	c.fetching.limit.Stop()
	c.fetching = nil
	c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Resume(); return "" })
}

// moves gives, once, the try by which the client has moved to the socket at the other gateway; nil for none.
func (c *conversation) moves() *fetching {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.way != away {
		return nil
	}
	c.way = bySocket
	c.fetching.limit.Stop()
	return c.fetching
}

// leave ends the session here and gives what it is; nil if it does not try to move, or can not now. What the client sent before is
// done.
func (c *conversation) leave(ctx context.Context) (*contract.MovedSession, error) {
	c.inbound.Lock()
	defer c.inbound.Unlock()
	if c.dialog.Opening() {
		return nil, nil //nolint:nilnil // the client comes back, to where it stopped in each
	}
	try := c.moves()
	if try == nil {
		return nil, nil //nolint:nilnil // there is none to give
	}
	// First: what the app changes until the session ends the client is then told twice, but not left without.
	moved, refusals := c.dialog.Session(), c.dialog.Refusals()
	c.member.Use(func(hub.Outlet) contract.Reason {
		c.polls.Fetched() // or else the client would not have said so
		moved.Packets = append(c.split(c.polls.Take()), refusals...)
		return contract.ReasonMoved
	})
	select {
	case <-c.member.Over():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if why := c.member.Why(); why != contract.ReasonMoved {
		c.forget()
		return &contract.MovedSession{Reason: why, Packets: c.lastPackets(why)}, nil
	}
	moved.Offset = <-try.reached
	return moved, nil
}

// Package listen is the way out to a client that asks for lists by HTTP long polling. Each poll is a session of its own, so
// the next one may go to another gateway.
//
//	client                         gateway
//	  │ GET /listen?conn_id=… ─────► │  attaches the connection; what came since the last poll is there at once
//	  │                              │  waits for a message, and a moment for those that follow it
//	  │                              │  ends the session, and tells presence how far it got
//	  │ ◄──────────── [m1,m2,m3]     │  or [] when nothing came for long
//	  │ GET /listen?conn_id=… ─────► │
package listen

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// gathering is how long a poll that has a message waits for others, so that a burst is one answer.
const gathering = 25 * time.Millisecond

// Poll is the way out to one poll. What it keeps when its member is closed is the answer; so the answer holds all that the
// member has got, up to the offset that presence is told.
type Poll struct {
	// set at construction
	room  int           // bytes
	some  chan struct{} // holds one when there is something to answer with
	ended chan Answer   // has room for one
	touch func()        // the member

	// owned by the shard
	kept    []byte  // lists, each with a line end
	refused int     // bytes that found no room
	lost    *uint64 // where a client stands that went away before its answer; nil: it waits
}

// New makes the way out of a poll whose answer is at most so many bytes long.
func New(room int) *Poll {
	return &Poll{room: room, some: make(chan struct{}, 1), ended: make(chan Answer, 1)}
}

// Await waits until there is something to answer with, but not longer than that, and closes the member. from is where the
// client stands before this poll.
func (p *Poll) Await(ctx context.Context, m *hub.Member, most time.Duration, from uint64) Answer {
	patience := time.NewTimer(most)
	defer patience.Stop()
	select {
	case <-p.some:
		patience.Reset(gathering)
		select {
		case <-patience.C:
		case <-ctx.Done():
		}
	case <-patience.C:
	case <-ctx.Done():
	case a := <-p.ended:
		return a
	}
	m.Use(func(hub.Outlet) contract.Reason {
		if ctx.Err() != nil {
			p.lost = &from
		}
		return contract.ReasonClosed
	})
	return <-p.ended
}

// Ending makes what is called when the member was closed. It has the session end, as far as the client has come that
// gets the answer, or can not get it any more; and then gives the answer.
func (p *Poll) Ending(end func(contract.Reason, uint64)) func(contract.Reason, uint64) {
	return func(reason contract.Reason, offset uint64) {
		reached := offset
		if p.lost != nil {
			reached = *p.lost
		}
		end(reason, reached)
		p.ended <- Answer{lists: p.kept, Offset: offset, Reason: reason}
	}
}

// Bind names the member that the poll belongs to.
func (p *Poll) Bind(m *hub.Member) { p.touch = m.Touch }

// Send keeps lists. A poll that has half of what it may hold is answered at once.
func (p *Poll) Send(lists []byte, _ time.Time) contract.Reason {
	if len(p.kept)+len(lists) > p.room {
		p.refused += len(lists)
		return contract.ReasonSlowConsumer
	}
	if len(p.kept) == 0 {
		p.some <- struct{}{} // has room: it comes once
	}
	p.kept = append(p.kept, lists...)
	if len(p.kept) > p.room/2 {
		return contract.ReasonClosed
	}
	return ""
}

// Ping asks nobody: a client that waits for its answer has nothing to say, and HTTP notices when it has gone.
func (p *Poll) Ping(time.Time) contract.Reason {
	p.touch()
	return ""
}

// Waiting says how much is kept.
func (p *Poll) Waiting(time.Time) (int, contract.Reason) { return len(p.kept), "" }

// Unacknowledged is what found no room: it is for the next poll. The answer counts as received.
func (p *Poll) Unacknowledged() int { return p.refused }

// Close does nothing: the end of the session gives the answer.
func (p *Poll) Close(contract.Reason) {}

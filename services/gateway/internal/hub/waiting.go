package hub

import (
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/shared/contract"
)

// Waiting is the way out of a session whose request is not answered yet. A client may tell its app that it listens as
// soon as it sees the answer, so its session is in force before: what comes in between is kept here.
type Waiting struct {
	// set at construction
	room int // bytes

	// owned by the shard
	kept    []byte
	refused int // bytes that found no room
}

// NewWaiting makes the way out of a session that has no socket yet, and keeps so many bytes at most.
func NewWaiting(room int) *Waiting { return &Waiting{room: room} }

// Move lets another outlet take over from o: the member's messages go there, those that were kept first.
func (o *Waiting) Move(m *Member, to Outlet, w frame.Way, transport string) {
	m.Switch(to, w, transport, func() contract.Reason {
		if len(o.kept) == 0 {
			return ""
		}
		return to.Send(o.kept, time.Now())
	})
}

// Bind does nothing: there is no socket that could fail.
func (o *Waiting) Bind(*Member) {}

// Send keeps p.
func (o *Waiting) Send(p []byte, _ time.Time) contract.Reason {
	if len(o.kept)+len(p) > o.room {
		o.refused += len(p)
		return contract.ReasonSlowConsumer
	}
	o.kept = append(o.kept, p...)
	return ""
}

// Ping does nothing: nobody could answer.
func (o *Waiting) Ping(time.Time) contract.Reason { return "" }

// Waiting says how much is kept. The handshake has a time limit.
func (o *Waiting) Waiting(time.Time) (int, contract.Reason) { return len(o.kept), "" }

// Unacknowledged is everything: nothing has gone out.
func (o *Waiting) Unacknowledged() int { return len(o.kept) + o.refused }

// Close does nothing: the socket that comes too late is closed, for the same reason, when it is to take over.
func (o *Waiting) Close(contract.Reason) {}

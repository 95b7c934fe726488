// Package polling is the way out to a client that asks for its packets by HTTP long polling.
//
//	client                         gateway
//	  │ GET  ──────────────────────► │  waits until there is something
//	  │ ◄── packet 0x1e packet …     │  one batch
//	  │ GET  ──────────────────────► │  what came between the two polls was kept
//
// Source: Engine.IO protocol 4, section "HTTP long-polling".
package polling

import (
	"bytes"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Limits of what is kept for a client between its polls.
type Limits struct {
	BacklogBytes int
	BacklogAge   time.Duration
}

// Outlet keeps packets, each ended by a separator, until a poll takes them. Its methods are called by the shard.
type Outlet struct {
	// set at construction
	limits   *Limits
	farewell func(contract.Reason) [][]byte
	left     chan []byte // holds one: what no poll has taken when the session ended

	// owned by the shard
	kept     []byte
	since    time.Time     // of the oldest packet kept
	poll     chan<- []byte // of the poll that waits; nil: none does
	draining bool          // the client moves to a WebSocket: polls are answered at once
}

// New makes an outlet. farewell gives the packets that are sent before the session closes for a reason.
func New(l *Limits, farewell func(contract.Reason) [][]byte) *Outlet {
	return &Outlet{limits: l, farewell: farewell, left: make(chan []byte, 1)}
}

// Bind has nothing to do: the outlet never speaks up by itself.
func (o *Outlet) Bind(*hub.Member) {}

// Send keeps packets and answers the poll that waits.
func (o *Outlet) Send(p []byte, now time.Time) contract.Reason {
	if len(o.kept)+len(p) > o.limits.BacklogBytes {
		return contract.ReasonSlowConsumer
	}
	if len(o.kept) == 0 {
		o.since = now
	}
	o.kept = append(o.kept, p...)
	o.answer()
	return ""
}

// answer gives the poll that waits what is kept.
func (o *Outlet) answer() {
	if o.poll == nil || len(o.kept) == 0 {
		return
	}
	o.poll <- bytes.TrimSuffix(o.kept, []byte{engineio.Separator}) // has room for one
	o.poll, o.kept = nil, nil
}

// Poll lets a poll wait on a channel with room for one answer. It reports false when another waits already.
func (o *Outlet) Poll(c chan<- []byte) bool {
	if o.poll != nil {
		return false
	}
	o.poll = c
	o.answer()
	if o.draining {
		o.end(engineio.Noop)
	}
	return true
}

// Drop takes back a poll whose client has gone; it reports false when it was answered already.
func (o *Outlet) Drop(c chan<- []byte) bool {
	if o.poll != c {
		return false
	}
	o.poll = nil
	return true
}

// Drain answers the poll that waits, and those to come, at once.
func (o *Outlet) Drain() {
	o.draining = true
	o.end(engineio.Noop)
}

// Resume lets polls wait again: the client did not move.
func (o *Outlet) Resume() { o.draining = false }

// end answers the poll that waits with a packet that says nothing else.
func (o *Outlet) end(t engineio.PacketType) {
	if o.poll != nil {
		o.poll <- []byte{'0' + byte(t)}
		o.poll = nil
	}
}

// Take ends the outlet and gives the packets that no poll has taken, joined by separators.
func (o *Outlet) Take() []byte {
	o.Drain()
	kept := bytes.TrimSuffix(o.kept, []byte{engineio.Separator})
	o.kept = nil
	return kept
}

// Left gives, once, what no poll had taken when the session ended. Any goroutine may call it.
func (o *Outlet) Left() []byte {
	select {
	case packets := <-o.left:
		return packets
	default:
		return nil
	}
}

// Ping sends an Engine.IO ping.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	return o.Send(frame.AppendPacket(nil, []byte{'0' + byte(engineio.Ping)}, frame.Polls), now)
}

// Waiting says how much no poll has taken, and whether the oldest packet has waited too long for one.
func (o *Outlet) Waiting(now time.Time) (int, contract.Reason) {
	if len(o.kept) > 0 && now.Sub(o.since) > o.limits.BacklogAge {
		return len(o.kept), contract.ReasonSlowConsumer
	}
	return len(o.kept), ""
}

// Close answers the poll that waits: with what is kept and a farewell, or else with a close packet. What no poll waits
// for is Left, unless the client broke a rule: then nothing more is kept for it.
func (o *Outlet) Close(reason contract.Reason) {
	if reason.Breach() {
		o.kept = nil
	}
	for _, packet := range o.farewell(reason) {
		o.kept = frame.AppendPacket(o.kept, packet, frame.Polls)
	}
	o.answer()
	o.end(engineio.Close)
	if rest := o.Take(); len(rest) > 0 {
		o.left <- rest // has room: a session ends once
	}
}

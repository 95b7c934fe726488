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
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Limits of what is kept for a client between its polls.
type Limits struct {
	BacklogBytes int
	BacklogAge   time.Duration
}

// Outlet keeps packets, as its protocol puts several into one answer, until a poll takes them. Its methods are called by the
// shard.
type Outlet struct {
	// set at construction
	limits   *Limits
	words    *Words
	farewell func(contract.Reason) [][]byte

	left atomic.Pointer[[]byte] // what no poll has taken when the session ended
	bye  atomic.Bool            // the next poll is to be told of the end

	// owned by the shard
	kept     []byte
	answered int           // bytes of the last answer; the client has it when it polls again
	refused  int           // bytes that found no room
	since    time.Time     // of the oldest packet kept
	poll     chan<- []byte // of the poll that waits; nil: none does
	draining bool          // the client moves to a WebSocket: no poll waits for long
}

// New makes an outlet of Engine.IO, of the way Polls or Polls3. farewell gives the packets that are sent before the session closes
// for a reason.
func New(l *Limits, w frame.Way, farewell func(contract.Reason) [][]byte) *Outlet {
	if w == frame.Polls3 {
		return Speaking(&engineIO3, l, farewell)
	}
	return Speaking(&engineIO, l, farewell)
}

// Speaking makes an outlet of another protocol.
func Speaking(w *Words, l *Limits, farewell func(contract.Reason) [][]byte) *Outlet {
	return &Outlet{limits: l, words: w, farewell: farewell}
}

// Bind has nothing to do: the outlet never speaks up by itself.
func (o *Outlet) Bind(*hub.Member) {}

// Send keeps packets and answers the poll that waits.
func (o *Outlet) Send(p []byte, now time.Time) contract.Reason {
	if len(o.kept)+len(p) > o.limits.BacklogBytes {
		o.refused += len(p)
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
	o.answered += len(o.kept)
	o.poll <- o.words.Payload(o.kept) // has room for one
	o.poll, o.kept = nil, nil
}

// Poll lets a poll wait on a channel with room for one answer, which is empty when the poll is refused. It reports false when
// another waits already.
func (o *Outlet) Poll(c chan<- []byte) bool {
	if o.poll != nil {
		return false
	}
	o.poll, o.answered = c, 0
	o.answer()
	return true
}

// IsHeard says whether the client of a member listens: it has a socket, or a poll of its waits. polls is nil where it never polled.
func IsHeard(m *hub.Member, polls *Outlet) bool {
	heard := make(chan bool, 1)
	m.Use(func(now hub.Outlet) contract.Reason {
		heard <- now != hub.Outlet(polls) || polls.poll != nil
		return ""
	})
	select {
	case yes := <-heard:
		return yes
	case <-m.Over():
		return false
	}
}

// Fetched says that the last answer has arrived, though no other poll has come.
func (o *Outlet) Fetched() { o.answered = 0 }

// Drop takes back a poll whose client has gone; it reports false when it was answered already.
func (o *Outlet) Drop(c chan<- []byte) bool {
	if o.poll != c {
		return false
	}
	o.poll = nil
	return true
}

// Drain answers the poll that waits at once, since the client moves.
func (o *Outlet) Drain() {
	o.draining = true
	o.release(o.words.Noop)
}

// Release answers the poll that waits, if its client still moves.
func (o *Outlet) Release() {
	if o.draining {
		o.release(o.words.Noop)
	}
}

// Resume lets polls wait again: the client did not move.
func (o *Outlet) Resume() { o.draining = false }

// release answers the poll that waits; with nil, it is refused.
func (o *Outlet) release(answer []byte) {
	if o.poll != nil {
		o.poll <- answer
		o.poll = nil
	}
}

// Take ends the outlet and gives the payload that no poll has taken. A poll that waits is refused: its
// client speaks by other ways now.
func (o *Outlet) Take() []byte {
	o.draining = true
	o.release(nil)
	kept := o.words.Payload(o.kept)
	o.kept = nil
	return kept
}

// Left gives, once, what no poll had taken when the session ended. Any goroutine may call it.
func (o *Outlet) Left() []byte {
	if packets := o.left.Swap(nil); packets != nil {
		return *packets
	}
	return nil
}

// Bye says, once, that the client is to be told of the end. Any goroutine may call it.
func (o *Outlet) Bye() bool { return o.bye.Swap(false) }

// Waits says whether something waits for a poll behind the end of the session. Any goroutine may call it.
func (o *Outlet) Waits() bool { return o.left.Load() != nil || o.bye.Load() }

// LastWord is the payload that ends the session's last poll. Any goroutine may call it.
func (o *Outlet) LastWord() []byte { return o.words.Close }

// Ping asks for a sign of life.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	return o.Send(frame.AppendPacket(nil, o.words.Ping, o.words.Way), now)
}

// Waiting says how much no poll has taken, and whether the oldest packet has waited too long for one.
func (o *Outlet) Waiting(now time.Time) (int, contract.Reason) {
	if len(o.kept) > 0 && now.Sub(o.since) > o.limits.BacklogAge {
		return len(o.kept), contract.ReasonSlowConsumer
	}
	return len(o.kept), ""
}

// Unacknowledged is how many bytes no poll has taken, and those of the last answer: a client polls again when it has that.
func (o *Outlet) Unacknowledged() int { return len(o.kept) + o.answered + o.refused }

// Close answers the poll that waits: with what is kept and a farewell, or else as the reason asks. What no poll waits
// for is Left, unless the client broke a rule: then nothing more is kept for it, and the next poll is refused.
func (o *Outlet) Close(reason contract.Reason) {
	if reason.Breach() {
		o.kept = nil
	}
	for _, packet := range o.farewell(reason) {
		o.kept = frame.AppendPacket(o.kept, packet, o.words.Way)
	}
	o.answer()
	if o.poll == nil && !reason.Breach() && reason != contract.ReasonClosed {
		o.bye.Store(true)
	}
	switch {
	case o.words.Strict && reason == contract.ReasonClosed: // by the client
		o.release(o.words.Noop)
	case o.words.Strict && reason == contract.ReasonHeartbeatTimeout:
		o.release(nil)
	default:
		o.release(o.words.Close)
	}
	if rest := o.Take(); len(rest) > 0 {
		o.left.Store(&rest)
	}
}

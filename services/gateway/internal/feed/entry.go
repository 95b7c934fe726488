package feed

import (
	"strconv"
	"sync/atomic"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// entry is a subscription and how many sessions use it.
type entry struct {
	// set at construction
	topic *hub.Topic
	live  chan struct{} // closed when the subscription is in force, or has failed

	sub *bus.Subscription
	err error // set before live is closed

	uses int // guarded by Feed.mu

	// base is how far the log had come when the subscription began: what lies before it was not for us. 0: it begins right now.
	base atomic.Uint64
	tail atomic.Uint64 // sequence of the newest message up to base; 0: there was none

	look atomic.Uint64 // the last look at the tails that had this subject

	// owned by Run
	seen    uint64     // sequence of the newest message handed on
	suspect uint64     // sequence that the log's tail had when it was looked at, and that was not seen then
	held    []*bus.Msg // came while a hole is filled
	filling bool
	tape    *tape // nil while nobody comes back to this topic
}

// reached is how far the entry has come.
func (e *entry) reached() uint64 { return max(e.seen, e.base.Load()) }

// newest is the sequence of the newest message up to where the entry has come, or a later one; 0 if there is none.
func (e *entry) newest() uint64 { return max(e.seen, e.tail.Load()) }

// sequences reads a message's place in the log and that of the one before it on its subject; 0 if it is not logged.
func sequences(h bus.Header) (sequence, last uint64) {
	return number(h, bus.HeaderSequence), number(h, bus.HeaderLastSequence)
}

func nudge(h bus.Header) uint64 { return number(h, contract.HeaderNudge) }

func number(h bus.Header, key string) uint64 {
	values := h[key]
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(values[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

package feed

import (
	"strconv"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// subscription is what brings one topic's messages, and how many sessions use it.
type subscription struct {
	// set at construction
	topic  *hub.Topic
	number uint64        // of those that ever began, in their order
	live   chan struct{} // closed when the subscription is in force, or has failed

	// set before live is closed
	nats *bus.Subscription
	base uint64 // as the cursor's, for those who hold the topic
	err  error

	uses int // guarded by Feed.mu

	// owned by Run
	cursor cursor
	tape   *tape // nil while nobody comes back to this topic
}

// sequences reads a message's place in the log and that of the one before it on its subject; 0 if it is not logged.
func sequences(h bus.Header) (sequence, before uint64) {
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

package bus

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"
)

// A process that was paused, or whose way to NATS was blocked, has requests before it when it goes on whose callers have given
// up long ago: they have asked somebody else, or told their own callers that it did not happen. To begin them now would undo
// what happened since. A request says until when its caller waits, by the caller's clock. Clocks of machines differ, so that is
// looked at only when there was a hold-up just now.
const headerUntil = "Cs-Until" // milliseconds since 1970

const (
	holdUp    = time.Second // without a beat is one
	beatEvery = 250 * time.Millisecond
	afterward = time.Second // what lay before the process has been seen by then
)

// holdUps knows whether there was one just now. It is safe for use by many goroutines.
type holdUps struct {
	origin time.Time    // set at construction; what is measured from it goes on while the process is paused
	beat   atomic.Int64 // when NATS answered last, in nanoseconds since origin
	until  atomic.Int64 // what comes may be late, likewise
}

func (h *holdUps) now() int64 { return int64(time.Since(h.origin)) }

// watch asks NATS for a sign of life, again and again, until ctx ends.
func (h *holdUps) watch(ctx context.Context, c *Conn) {
	h.beat.Store(h.now())
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c.Flush(ctx) != nil {
			continue
		}
		at := h.now()
		if at-h.beat.Swap(at) > int64(holdUp) {
			h.until.Store(at + int64(afterward))
		}
	}
}

// late says whether the caller of a request has given up before the request came to us.
func (h *holdUps) late(until string) bool {
	at := h.now()
	if at-h.beat.Load() <= int64(holdUp) && at >= h.until.Load() {
		return false
	}
	deadline, err := strconv.ParseInt(until, 10, 64)
	return err == nil && time.Now().UnixMilli() > deadline
}

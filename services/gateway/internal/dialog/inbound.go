package dialog

import (
	"context"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Inbound is the way in of one client: one POST or frame at a time, so that packets keep their order. Who holds the lock has it for
// itself. The zero Inbound is ready.
type Inbound struct {
	sync.Mutex
	meter admission.Meter // of packets by POST; guarded by the lock
}

// Receive takes the packets of a POST, at most so many in a second, and returns when the shard has done what they led to: the next
// ones wait for that. It gives the reason for which one of them ended the session.
func Receive[P any](ctx context.Context, in *Inbound, m *hub.Member, perSecond int, packets []P, take func(context.Context, P) contract.Reason) (reason contract.Reason) {
	in.Lock()
	defer in.Unlock()
	for _, p := range packets {
		reason = contract.ReasonRateLimited
		if !in.meter.Exceeds(1, perSecond, time.Now()) {
			reason = take(ctx, p)
		}
		if reason != "" {
			m.Close(reason)
			break
		}
	}
	_ = m.Change(ctx, hub.Change{}) // an end of the session or of the request is as good
	return reason
}

// Later takes a frame that may lead to questions to presence, which the shard must not wait for: the next frame is read when it is
// done.
func Later[P any](in *Inbound, m *hub.Member, p P, take func(context.Context, P) contract.Reason) {
	go func() { // ends with the session, or when presence has answered or not for long
		in.Lock()
		defer in.Unlock()
		m.Resume(take(m.Life(), p))
	}()
}

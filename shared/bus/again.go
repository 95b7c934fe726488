package bus

import (
	"context"
	"time"
)

const (
	askAnother = 250 * time.Millisecond // after so long without an answer another responder is asked too
	mostAsked  = 16
)

// CallAgain is Call for a request that does no harm when it is carried out twice. A responder of a group may be paused, and NATS
// does not know: so when one does not answer at once another is asked beside it, and the first answer counts.
func CallAgain[A any](ctx context.Context, c *Conn, subject string, request any) (A, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		answer A
		err    error
	}
	outcomes := make(chan outcome, mostAsked)
	asked := 0
	ask := func() {
		asked++
		go func() { // ends with ctx
			answer, err := Call[A](ctx, c, subject, request)
			outcomes <- outcome{answer, err}
		}()
	}
	ask()
	another := time.NewTicker(askAnother)
	defer another.Stop()
	for {
		select {
		case o := <-outcomes:
			return o.answer, o.err
		case <-another.C:
			if asked < mostAsked {
				ask()
			}
		}
	}
}

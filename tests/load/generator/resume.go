package generator

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The lanes of a resume: one for those who stay, one for what the others miss.
const (
	liveLane = iota
	missedLane
	resumeLanes
)

// resumeTimeout bounds how long everybody may take to come back.
const resumeTimeout = 2 * time.Minute

// prepareResume: Sockets clients share all channels but the last, in which Live others stay.
func (r *run) prepareResume() {
	r.board.offsets = true
	for client := range r.job.Work.Sockets + r.job.Work.Live {
		r.publisher.members[r.resumeChannel(client)]++
	}
}

func (r *run) resumeChannel(client int) uint32 {
	w := r.job.Work
	if client >= w.Sockets {
		return uint32(w.Channels - 1)
	}
	return uint32(client % (w.Channels - 1))
}

// resume drops clients, posts what they miss, and has all of them come back at once, while others get messages all the
// time. The latencies are those of the others, from when the first comes back until the last has got everything; without
// any clients to come back, over Duration.
func (r *run) resume(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("open %d sockets", w.Sockets+w.Live))
	err := r.inParallel(ctx, openers, w.Sockets+w.Live, func(_ int, p *poster, client int) error {
		channel := r.resumeChannel(client)
		if err := r.dialect.register(p, client, channel); err != nil {
			return err
		}
		return r.open(ctx, client, newLedger(channel, resumeLanes), 0)
	})
	if err != nil {
		return err
	}
	if err := r.probe(ctx); err != nil {
		return err
	}
	if err := r.dropResumers(ctx); err != nil {
		return err
	}
	if err := r.postMissed(ctx); err != nil {
		return err
	}
	living, cancel := context.WithCancel(ctx)
	defer cancel()
	lived := make(chan error, 1)
	go func() { lived <- r.postSteadily(living, liveLane, uint32(w.Channels-1), uint32(w.Channels)) }()
	if err := pause(ctx, w.Warmup); err != nil {
		return err
	}
	if err := r.comeBack(ctx); err != nil {
		return err
	}
	cancel()
	if err := <-lived; err != nil {
		return err
	}
	return r.drain(ctx)
}

// open opens a client's socket, which goes on behind an offset; 0 for the first time.
func (r *run) open(ctx context.Context, client int, l ledger, since uint64) error {
	s, err := open(ctx, r.job.Target.Sockets, client, r.dialect, l, since, false)
	if err != nil {
		return err
	}
	return r.watch(client, s)
}

// postSteadily posts to one channel after the other of those from first up to, but not including, end, at a steady rate,
// until ctx ends.
func (r *run) postSteadily(ctx context.Context, lane int, first, end uint32) error {
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	var d draft
	tick := time.NewTicker(time.Duration(float64(time.Second) / r.job.Work.Rate))
	defer tick.Stop()
	for i := uint32(0); ; i = (i + 1) % (end - first) {
		if err := r.postTo(p, &d, lane, first+i); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// dropResumers cuts the sockets of those who will come back.
func (r *run) dropResumers(ctx context.Context) error {
	for client := range r.job.Work.Sockets {
		if err := unix.Shutdown(r.board.sockets[client].Load().fd, unix.SHUT_RDWR); err != nil {
			return fmt.Errorf("drop socket: %w", err)
		}
	}
	return r.awaitEnded(ctx)
}

// awaitEnded waits until the readers have seen the end of every socket that is to come back.
func (r *run) awaitEnded(ctx context.Context) error {
	for r.board.ended.Load() < int64(r.job.Work.Sockets) {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) postMissed(ctx context.Context) error {
	w := r.job.Work
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	var d draft
	var expected int64
	for range w.Missed {
		for channel := range uint32(w.Channels - 1) {
			if err := r.postTo(p, &d, missedLane, channel); err != nil {
				return err
			}
			expected += r.publisher.members[channel]
		}
	}
	r.board.lanes[missedLane].outstanding.Store(expected)
	return nil
}

// comeBack opens all sockets again, as many at a time as the work says, and measures until each has got what it missed.
func (r *run) comeBack(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("%d come back", w.Sockets))
	err := r.timedConnects(func() error {
		if w.Sockets == 0 {
			return pause(ctx, w.Duration)
		}
		return r.reopen(ctx)
	})
	if err != nil {
		return err
	}
	return r.memory(func(m *ProcessMemory, rss, peak int64) { m.After, m.Peak = rss, peak })
}

func (r *run) reopen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	err := r.inParallel(ctx, r.job.Work.Concurrent, r.job.Work.Sockets, func(_ int, _ *poster, client int) error {
		old := r.board.sockets[client].Load()
		defer func() { _ = unix.Close(old.fd) }()
		return r.open(ctx, client, old.ledger, old.offset)
	})
	if err != nil || r.job.Work.Kind == Restart { // where messages are posted all the time
		return err
	}
	for r.board.lanes[missedLane].outstanding.Load() > 0 {
		if err := pause(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("wait for what was missed, of which %d did not come: %w", r.board.lanes[missedLane].outstanding.Load(), err)
		}
	}
	return nil
}

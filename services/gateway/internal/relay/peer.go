package relay

import (
	"context"
	"errors"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// A peer is another gateway that has requests of ours. A poll may wait for the time of a heartbeat, so whether its holder
// still lives is asked beside it: once a second, for all that wait.
type peer struct {
	gone chan struct{} // closed when it is
	stop context.CancelFunc
	used int // requests that wait for it; guarded by Relay.mu
}

// pulse is how often a peer is asked for a sign of life.
const pulse = time.Second

// watch gives what is closed when a gateway is gone. The caller calls done.
func (r *Relay) watch(route string) (gone <-chan struct{}, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[route]
	if p == nil {
		p = &peer{gone: make(chan struct{})}
		var ctx context.Context
		ctx, p.stop = context.WithCancel(context.Background())
		r.peers[route] = p
		go func() { // ends with the last request
			if !r.lives(ctx, route) {
				r.lose(route, p)
			}
		}()
	}
	p.used++
	return p.gone, func() { r.release(route, p) }
}

func (r *Relay) release(route string, p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.used--; p.used > 0 {
		return
	}
	p.stop()
	if r.peers[route] == p {
		delete(r.peers, route)
	}
}

// lose ends what waits for a peer. What is handed on from now on asks anew.
func (r *Relay) lose(route string, p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(p.gone)
	if r.peers[route] == p {
		delete(r.peers, route)
	}
}

// lives returns true when ctx ends, and false when the gateway is gone: it says nothing for too long, or NATS says twice that
// nobody is there, since one that connects anew is away for a moment.
func (r *Relay) lives(ctx context.Context, route string) bool {
	beat := time.NewTicker(min(pulse, r.config.Silence))
	defer beat.Stop()
	heard, nobody := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return true
		case <-beat.C:
		}
		within, cancel := context.WithTimeout(ctx, r.config.Silence)
		err := r.config.Conn.Deliver(within, r.subject(route), nil)
		cancel()
		switch {
		case ctx.Err() != nil:
			return true
		case err == nil:
			heard, nobody = time.Now(), 0
		case errors.Is(err, bus.ErrNobody):
			nobody++
		}
		if err != nil && (nobody > 1 || time.Since(heard) > r.config.Silence) {
			return false
		}
	}
}

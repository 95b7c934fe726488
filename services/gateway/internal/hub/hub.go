package hub

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Config says how a hub keeps its members.
type Config struct {
	Shards           int // 0: one for each processor
	HeartbeatEvery   time.Duration
	HeartbeatTimeout time.Duration
	Observer         Observer
	Poller           func() (socket.Poller, error) // makes what a shard waits for its sockets with; nil: socket.NewPoller
}

// Observer counts. Its methods are called from many goroutines and must not block.
type Observer interface {
	Opened(transport string)
	Closed(transport string, reason contract.Reason)
	Upgraded(from, to string)
	Batch(messages int)
	Delay(d time.Duration) // from the log to the sockets, of a message now and then
}

// Hub is the shards of a gateway.
type Hub struct {
	// set at construction
	config Config
	shards []*shard

	next      atomic.Uint32 // shard of the next member
	sessions  atomic.Int64
	delivered atomic.Uint64
}

// New makes a hub; its shards work while Run does.
func New(c Config) *Hub {
	if c.Shards == 0 {
		c.Shards = runtime.GOMAXPROCS(0)
	}
	if c.Poller == nil {
		c.Poller = socket.NewPoller
	}
	h := &Hub{config: c}
	for i := range c.Shards {
		h.shards = append(h.shards, newShard(h, i))
	}
	return h
}

// Run works until ctx ends; then it closes every member with contract.ReasonShuttingDown.
func (h *Hub) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, s := range h.shards {
		group.Go(func() error { s.run(ctx); return nil })
	}
	return group.Wait()
}

// Sessions is how many members are open.
func (h *Hub) Sessions() int { return int(h.sessions.Load()) }

// Delivered is how many messages were handed to outlets.
func (h *Hub) Delivered() uint64 { return h.delivered.Load() }

// Mark says that a client has come so far which has got all that was published before. Messages say so too; this is for
// when none come.
func (h *Hub) Mark(offset uint64) {
	for _, s := range h.shards {
		s.mail.step(func(s *shard) { s.mark = offset })
	}
}

// Missed tells the members of a topic that of what was published behind an offset they do not get everything. It comes
// between what was published before the call and what is after it.
func (h *Hub) Missed(t *Topic, since uint64) {
	for _, s := range h.shards {
		s.mail.step(func(s *shard) {
			for _, m := range t.slots[s.index].members {
				s.tellMissed(m, since)
			}
		})
	}
}

// Open adds a member. Ended is called once, by the shard, when it is over, with the offset from which its client goes
// on: what lies behind it may not have reached the client; 0: that is not known. It must not block.
func (h *Hub) Open(o Outlet, w frame.Way, transport string, ended func(contract.Reason, uint64)) *Member {
	s := h.shards[int(h.next.Add(1))%len(h.shards)]
	m := &Member{shard: s, transport: transport, ended: ended, over: make(chan struct{}), way: w, format: frame.For(w, 0)}
	m.take(o)
	m.Touch()
	o.Bind(m)
	h.sessions.Add(1)
	if !m.shard.mail.step(func(s *shard) { s.open(m) }) {
		m.closed, m.why = true, contract.ReasonShuttingDown // the shards have ended: nobody else has the member
		h.sessions.Add(-1)
		o.Close(contract.ReasonShuttingDown)
		close(m.over)
		ended(contract.ReasonShuttingDown, 0)
	}
	return m
}

// Spread closes the members of every shard with a reason, evenly over a time, until ctx ends or none is left.
func (h *Hub) Spread(ctx context.Context, over time.Duration, reason contract.Reason) {
	const rounds = 20
	for round := range rounds {
		for _, s := range h.shards {
			s.mail.step(func(s *shard) { s.closeShare(rounds-round, reason) })
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(over / rounds):
		}
		if h.Sessions() == 0 {
			return
		}
	}
}

package generator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A publisher sends requests, each on one lane. A lane that is ready is taken by whichever connection is free.
//
//	closed loop: the readers make a lane ready again when its last request was delivered to all
//	paced:       a lane is idle again when its last request was answered, and ready at the next tick
type publisher struct {
	dialect dialect
	work    Work
	board   *board
	kinds   uint32     // of clients; each has the channels that are so far from each other
	each    uint32     // how many channels these are
	members []int64    // by channel
	sent    [][]uint32 // by lane and channel: the next sequence; owned by whoever holds the lane
	cursor  []uint32   // by lane: the channel that comes next, of those of one kind of clients

	ready   chan int
	idle    chan int      // paced only
	quit    chan struct{} // closed when nothing more is to be sent
	started atomic.Bool
	kind    atomic.Uint32 // of clients that messages go to

	requests, messages, deliveries, late atomic.Int64
}

// pacedLanes is how many paced requests may wait for an answer at a time.
const pacedLanes = 16

// joinedConnections is how many requests may be under way when requests are joined: while one is answered, what has become
// ready gathers for the next.
const joinedConnections = 2

func (w Work) lanes() int {
	switch {
	case w.Kind == Storm:
		return w.Concurrent
	case w.Kind == Resume || w.Kind == Restart:
		return resumeLanes
	case w.Kind == Presence:
		return 0
	case w.InFlight > 0:
		return w.InFlight
	default:
		return pacedLanes
	}
}

func newPublisher(d dialect, w Work, b *board, kinds int) *publisher {
	lanes := len(b.lanes)
	p := &publisher{
		dialect: d, work: w, board: b, kinds: uint32(kinds), each: uint32(w.Channels / kinds),
		members: make([]int64, w.Channels),
		sent:    make([][]uint32, lanes),
		cursor:  make([]uint32, lanes),
		ready:   make(chan int, lanes),
		quit:    make(chan struct{}),
	}
	if w.InFlight == 0 {
		p.idle = make(chan int, lanes)
	}
	for l := range lanes {
		p.sent[l] = make([]uint32, w.Channels)
		p.cursor[l] = uint32(l) * p.each / uint32(lanes)
	}
	return p
}

// delivered is the board's callback in a closed loop. Each lane is in one place at a time, so ready never fills up.
func (p *publisher) delivered(l int) {
	if p.started.Load() {
		p.ready <- l
	}
}

// A draft is a request being built; its buffers are reused.
type draft struct {
	channels []uint32
	payloads [][]byte
	body     []byte
}

func (d *draft) reset() {
	d.channels, d.payloads, d.body = d.channels[:0], d.payloads[:0], d.body[:0]
}

// append adds a lane's next messages to the draft and enters what has to be delivered.
func (p *publisher) append(d *draft, l int) {
	var expected int64
	for range p.work.PerRequest {
		at := p.cursor[l]
		p.cursor[l] = (at + 1) % p.each
		channel := at*p.kinds + p.kind.Load()
		m := mark{lane: uint32(l), channel: channel, sequence: p.sent[l][channel], sent: p.board.clock.now()}
		p.sent[l][channel]++
		d.add(channel, m, p.work.Payload)
		expected += p.members[channel]
	}
	p.board.lanes[l].outstanding.Store(expected)
	p.messages.Add(int64(p.work.PerRequest))
	p.deliveries.Add(expected)
}

func (d *draft) add(channel uint32, m mark, size int) {
	n := len(d.payloads)
	if n == cap(d.payloads) {
		d.payloads = append(d.payloads, nil)
	}
	d.payloads = d.payloads[:n+1] // the buffer of an earlier request, if there was one
	d.payloads[n] = appendPayload(d.payloads[n][:0], m, size)
	d.channels = append(d.channels, channel)
}

// take waits for a lane and, where requests are joined, adds all others that are ready. Empty: it is over.
func (p *publisher) take(taken []int) []int {
	select {
	case l := <-p.ready:
		taken = append(taken, l)
	case <-p.quit:
		return taken
	}
	for p.work.Join {
		select {
		case l := <-p.ready:
			taken = append(taken, l)
		default:
			return taken
		}
	}
	return taken
}

// send publishes on one connection, until it is over or a request fails.
func (p *publisher) send(transmit func(body []byte) error) error {
	var d draft
	for taken := p.take(nil); len(taken) > 0; taken = p.take(taken[:0]) {
		d.reset()
		for _, l := range taken {
			p.append(&d, l)
		}
		p.requests.Add(1)
		if err := transmit(p.dialect.appendList(d.body, d.channels, d.payloads)); err != nil {
			return err
		}
		if p.idle == nil {
			continue
		}
		for _, l := range taken {
			p.idle <- l
		}
	}
	return nil
}

// run publishes until ctx ends. It returns when every request that was begun was answered, or at the first error.
func (p *publisher) run(ctx context.Context, t Target) error {
	senders, err := p.senders(ctx, t)
	if err != nil {
		return err
	}
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	for _, send := range senders {
		wg.Go(func() {
			if err := send(); err != nil {
				fail(err)
			}
		})
	}
	if p.idle != nil {
		p.pace(running)
	} else {
		p.loop(running)
	}
	wg.Wait()
	if err := context.Cause(running); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// senders opens the connections and returns what to run on each.
func (p *publisher) senders(ctx context.Context, t Target) (senders []func() error, err error) {
	if p.work.Raw && t.Raw != "" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Raw)
		if err != nil {
			return nil, fmt.Errorf("dial publisher: %w", err)
		}
		return []func() error{func() error {
			defer func() { _ = conn.Close() }()
			return p.send(func(body []byte) error { return writeRaw(conn, body) })
		}}, nil
	}
	connections := len(p.board.lanes)
	if p.work.Join {
		connections = joinedConnections
	}
	for range connections {
		c, err := dialPoster(ctx, t.Publish)
		if err != nil {
			return nil, err
		}
		senders = append(senders, func() error {
			defer c.close()
			return p.send(func(body []byte) error { return p.dialect.post(c, body) })
		})
	}
	return senders, nil
}

func writeRaw(conn net.Conn, body []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(postTimeout)); err != nil {
		return fmt.Errorf("publish raw: %w", err)
	}
	if _, err := conn.Write(body); err != nil {
		return fmt.Errorf("publish raw: %w", err)
	}
	return nil
}

// loop feeds the senders in a closed loop: delivered (the board's callback) puts lanes back, loop ends it.
func (p *publisher) loop(ctx context.Context) {
	defer close(p.quit)
	p.started.Store(true)
	for l := range p.board.lanes {
		p.ready <- l
	}
	<-ctx.Done()
}

// pace makes a lane ready at every tick. A tick that finds no lane idle waits for one and is counted as late.
func (p *publisher) pace(ctx context.Context) {
	defer close(p.quit)
	for l := range p.board.lanes {
		p.idle <- l
	}
	interval := time.Duration(float64(time.Second) / p.work.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for next := time.Now(); ; next = next.Add(interval) {
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		var l int
		select {
		case l = <-p.idle:
		default:
			p.late.Add(1)
			select {
			case l = <-p.idle:
			case <-ctx.Done():
				return
			}
		}
		p.ready <- l
	}
}

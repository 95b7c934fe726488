package generator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// overPolling speaks to this project as a client of Socket.IO 4 that only polls, through a balancer that gives each request to
// the next gateway, or, if it is sticky, each client's to the same one. The flow (Engine.IO 4, section "HTTP long-polling"):
//
//	GET                  0{sid…}
//	POST 40  &sid=       ok
//	GET      &sid=       40{sid…}
//	GET      &sid=       packets, 0x1e between them; 2 is answered by a POST of 3
type overPolling struct {
	*channelstream
	sticky bool
}

func (c overPolling) path(client int, _ uint32, _ uint64) string {
	return "/socket.io/?EIO=4&transport=polling&conn_id=" + c.connID(client)
}

var errPolling = errors.New("polling went wrong")

const (
	pollTimeout = time.Minute // of one request: a server answers after 25 s with a ping
	// pollIdle is never: a balancer's round ends, three pings later at most, before a gateway closes an idle connection.
	pollIdle        = time.Duration(math.MaxInt64)
	packetSeparator = "\x1e"
)

// pollers are the clients that poll, each on a goroutine of its own that ends when they are closed.
type pollers struct {
	running sync.WaitGroup

	mu          sync.Mutex
	tally       *tally    // guarded by mu
	connections []*poster // guarded by mu
}

// close ends all clients that poll.
func (p *pollers) close() {
	p.mu.Lock()
	for _, c := range p.connections {
		c.close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// count enters what a client got in one packet. Its messages are rare enough to be told at once.
func (p *pollers) count(s *socket, packet []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tally
	t.count(s, packet, t.clock.now(), t.from.Load(), t.to.Load())
	t.tell()
}

// A poller is a client that polls.
type poller struct {
	all      *pollers
	gateways []*poster // a connection to each that its requests go to, in the order of the balancer
	requests int
	path     string
	socket   *socket
}

// startPolling opens the session of a client, and has it poll.
func (r *run) startPolling(ctx context.Context, client int, d overPolling, l ledger) error {
	addresses := append([]string{r.job.Target.Sockets}, r.job.Target.Elsewhere...)
	at := client / len(r.dialects) % len(addresses)
	addresses = slices.Concat(addresses[at:], addresses[:at])
	if d.sticky {
		addresses = addresses[:1]
	}
	p := &poller{all: &r.pollers, path: d.path(client, l.channel, 0), socket: &socket{fd: -1, ledger: l}}
	for _, address := range addresses {
		if err := p.dial(ctx, address); err != nil {
			return err
		}
	}
	if err := p.open(); err != nil {
		return fmt.Errorf("open client %d: %w", client, err)
	}
	r.board.sockets[client].Store(p.socket)
	r.pollers.running.Go(func() {
		if err := p.poll(); !r.board.stop.Load() {
			p.socket.closed, p.socket.reason = true, err.Error()
		}
	})
	return nil
}

func (p *poller) dial(ctx context.Context, address string) error {
	c, err := dialPoster(ctx, address)
	if err != nil {
		return err
	}
	c.timeout, c.idle = pollTimeout, pollIdle
	p.gateways = append(p.gateways, c)
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.connections = append(p.all.connections, c)
	return nil
}

// next is the connection to the gateway whose turn it is.
func (p *poller) next() *poster {
	p.requests++
	return p.gateways[p.requests%len(p.gateways)]
}

// open opens a session and connects it to the namespace /.
func (p *poller) open() error {
	c := p.next()
	if err := c.get(p.path); err != nil {
		return err
	}
	var handshake struct{ SID string }
	if err := json.Unmarshal(bytes.TrimPrefix(c.answer, []byte("0")), &handshake); err != nil || handshake.SID == "" {
		return fmt.Errorf("%w: the handshake was answered with %.300q", errPolling, c.answer)
	}
	p.path += "&sid=" + handshake.SID
	if err := p.next().post(p.path, "", []byte("40")); err != nil {
		return err
	}
	c = p.next()
	if err := c.get(p.path); err != nil {
		return err
	}
	if !bytes.HasPrefix(c.answer, []byte("40{")) {
		return fmt.Errorf("%w: the namespace was answered with %.300q", errPolling, c.answer)
	}
	return p.take(c.answer)
}

// poll asks for packets until that fails, as it does when the connections are closed.
func (p *poller) poll() error {
	for {
		c := p.next()
		if err := c.get(p.path); err != nil {
			return err
		}
		if err := p.take(c.answer); err != nil {
			return err
		}
	}
}

// take takes the packets of an answer.
func (p *poller) take(answer []byte) error {
	for packet := range bytes.SplitSeq(answer, []byte(packetSeparator)) {
		if len(packet) > 1 {
			p.all.count(p.socket, packet)
			continue
		}
		if string(packet) != enginePing {
			return fmt.Errorf("%w: got the packet %q", errPolling, packet)
		}
		if err := p.next().post(p.path, "", []byte(enginePong)); err != nil {
			return err
		}
	}
	return nil
}

package gatewaytest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Presence is a presence service that keeps everything in memory and does as it is told. Its methods may be called by
// any goroutine.
type Presence struct {
	// set at construction
	t    testing.TB
	conn *bus.Conn
	// Stop ends it, and waits; called again at the end of the test, when it does nothing.
	Stop func()

	mu          sync.Mutex
	connections map[string]*connection // by conn_id; guarded by mu
	allowed     map[string][]string    // by user; guarded by mu
	joins       [][]string             // what was asked for; guarded by mu
	compared    []string               // guarded by mu
	leases      int                    // guarded by mu
	contract    int                    // that it speaks; guarded by mu
	fault       error                  // what every request is answered with, if not nil; guarded by mu
}

type connection struct {
	user     string
	channels []string
	revision uint64
	gateway  string
	session  string // of the socket that holds it; empty: none does
	offset   uint64
	exact    bool // a gateway said so
	left     bool // by its client
}

func (c *connection) membership() contract.Membership {
	return contract.Membership{Revision: c.revision, Channels: slices.Clone(c.channels)}
}

// change sets the channels, sorted and once each.
func (c *connection) change(channels []string) {
	slices.Sort(channels)
	c.channels = slices.Compact(channels)
	c.revision++
}

func servePresence(t testing.TB, conn *bus.Conn) *Presence {
	t.Helper()
	p := &Presence{t: t, conn: conn, connections: map[string]*connection{}, allowed: map[string][]string{}, contract: contract.Version}
	on := func(verb string, h bus.Handler) bus.Endpoint {
		return bus.Endpoint{Subject: namespace.Presence(verb), Handler: h}
	}
	ready := make(chan struct{})
	stop := background(t, func(ctx context.Context) error {
		return conn.Serve(ctx, bus.Service{
			Name: contract.PresenceService, Version: "0.0.0", QueueGroup: contract.PresenceService,
			Endpoints: map[string]bus.Endpoint{
				contract.VerbAttach:  on(contract.VerbAttach, bus.On(p.attachAll)),
				contract.VerbJoin:    on(contract.VerbJoin, bus.On(p.join)),
				contract.VerbLeave:   on(contract.VerbLeave, bus.On(p.leave)),
				contract.VerbDetach:  on(contract.VerbDetach, bus.On(p.detach)),
				contract.VerbLease:   on(contract.VerbLease, bus.On(p.lease)),
				contract.VerbCompare: on(contract.VerbCompare, bus.On(p.compare)),
			},
			Concurrent: 64, Timeout: Patience, Logger: quiet(),
		}, func() { close(ready) })
	})
	p.Stop = func() {
		stop()
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		conn.Flush(ctx) //nolint:errcheck // whoever asks from now on finds nobody, also where NATS is away
	}
	select {
	case <-ready:
	case <-time.After(Patience):
		t.Fatal("the presence service did not start")
	}
	return p
}

// Register makes a connection, as /connect does.
func (p *Presence) Register(connID, user string, channels ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &connection{user: user}
	c.change(channels)
	p.connections[connID] = c
	p.allowed[user] = append(p.allowed[user], channels...)
}

// CatchUp has a connection go on behind an offset when it opens next.
func (p *Presence) CatchUp(connID string, offset uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections[connID].offset = offset
}

// Stopped has a connection go on behind an offset at which a socket ended, as a gateway said.
func (p *Presence) Stopped(connID string, offset uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.connections[connID]
	c.session, c.offset, c.exact = "", offset, true
}

// Offset is how far a connection came that was open.
func (p *Presence) Offset(connID string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections[connID].offset
}

// Forget lets a connection be unknown.
func (p *Presence) Forget(connID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.connections, connID)
}

// Allow lets a user join channels.
func (p *Presence) Allow(user string, channels ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed[user] = append(p.allowed[user], channels...)
}

// Fail has every request answered with a fault; nil ends that.
func (p *Presence) Fail(fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// Pause lets presence answer nothing until the end of the test, which can call no other method meanwhile.
func (p *Presence) Pause() {
	p.mu.Lock()
	p.t.Cleanup(p.mu.Unlock)
}

// Speak has it speak a contract: 0 is what a build says that knows of none.
func (p *Presence) Speak(version int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.contract = version
}

// Holds says whether a socket holds the connection.
func (p *Presence) Holds(connID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.connections[connID]
	return c != nil && c.session != ""
}

// Take gives a connection to a newer socket, whose session it names, as if the order to close the older one found nobody.
func (p *Presence) Take(connID string) (session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections[connID].session = "newer"
	return "newer"
}

// Holder is the session that holds the connection; "" for none.
func (p *Presence) Holder(connID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections[connID].session
}

// Joins are the channels of every join that came.
func (p *Presence) Joins() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.joins)
}

// Leases is how often the gateway renewed its lease.
func (p *Presence) Leases() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leases
}

// Move changes the channels of an open connection, as /subscribe and /unsubscribe do, and waits for the gateway.
func (p *Presence) Move(connID string, channels ...string) contract.GatewayAnswer {
	p.t.Helper()
	p.mu.Lock()
	c := p.connections[connID]
	c.change(channels)
	order := contract.MembershipOrder{ConnID: connID, Session: c.session, Membership: c.membership()}
	subject := namespace.Gateway(c.gateway, contract.VerbMembership)
	p.mu.Unlock()
	return p.order(subject, order)
}

// Close closes the socket of a connection, as /disconnect does, and waits for the gateway.
func (p *Presence) Close(connID string, reason contract.Reason) contract.GatewayAnswer {
	p.t.Helper()
	p.mu.Lock()
	c := p.connections[connID]
	order := contract.CloseOrder{ConnID: connID, Session: c.session, Reason: reason}
	subject := namespace.Gateway(c.gateway, contract.VerbClose)
	p.mu.Unlock()
	return p.order(subject, order)
}

func (p *Presence) order(subject string, order any) contract.GatewayAnswer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	answer, err := bus.Call[contract.GatewayAnswer](ctx, p.conn, subject, order)
	if err != nil {
		p.t.Errorf("order: %v", err)
	}
	return answer
}

func (p *Presence) attachAll(ctx context.Context, q contract.AttachList) (contract.AttachAnswers, error) {
	answers := contract.AttachAnswers{Clients: make([]contract.AttachOutcome, len(q.Clients))}
	for i, client := range q.Clients {
		answer, err := p.attach(ctx, client)
		answers.Clients[i].AttachAnswer = answer
		if err != nil {
			answers.Clients[i].Fault = bus.FaultFor(ctx, quiet(), contract.VerbAttach, err)
		}
	}
	return answers, nil
}

func (p *Presence) attach(ctx context.Context, q contract.AttachRequest) (contract.AttachAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return contract.AttachAnswer{}, p.fault
	}
	id := q.ConnID
	if id == "" {
		id = q.NewConnID
		p.connections[id] = &connection{user: q.User, revision: 1}
	}
	c := p.connections[id]
	if c == nil || q.User != "" && (c.user != q.User || c.left) {
		return contract.AttachAnswer{}, contract.Invalid("conn_id", contract.UnknownConnection)
	}
	if q.Moved != "" && c.session != "" && c.session != q.Moved {
		return contract.AttachAnswer{}, &contract.Fault{Code: contract.CodeConflict, Message: "A newer socket has the connection."}
	}
	offset, exact := c.offset, c.exact
	if c.session != "" {
		older, subject := contract.CloseOrder{ConnID: id, Session: c.session, Reason: contract.ReasonReplaced}, namespace.Gateway(c.gateway, contract.VerbClose)
		closed, err := bus.Call[contract.GatewayAnswer](ctx, p.conn, subject, older)
		if err != nil {
			return contract.AttachAnswer{}, err
		}
		if closed.Offset > 0 {
			offset, exact = closed.Offset, true
		}
	}
	left := c.left
	c.gateway, c.session, c.left = q.Gateway, q.Session, false
	c.revision++
	return contract.AttachAnswer{ConnID: id, User: c.user, Membership: c.membership(), Offset: offset, Exact: exact, Left: left}, nil
}

// held gives the connection that a session holds.
func (p *Presence) held(connID, session string) (*connection, error) {
	if p.fault != nil {
		return nil, p.fault
	}
	c := p.connections[connID]
	if c == nil || c.session != session {
		return nil, contract.Invalid("conn_id", contract.UnknownConnection)
	}
	return c, nil
}

func (p *Presence) join(_ context.Context, q contract.JoinRequest) (contract.ChannelsAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joins = append(p.joins, q.Channels)
	c, err := p.held(q.ConnID, q.Session)
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	var named []string
	for _, channel := range q.Channels {
		if slices.Contains(p.allowed[c.user], channel) {
			named = append(named, channel)
		}
	}
	c.change(append(c.channels, named...))
	return contract.ChannelsAnswer{Membership: c.membership(), Named: named}, nil
}

func (p *Presence) leave(_ context.Context, q contract.LeaveRequest) (contract.ChannelsAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.held(q.ConnID, q.Session)
	if err != nil {
		return contract.ChannelsAnswer{}, err
	}
	var named []string
	c.change(slices.DeleteFunc(c.channels, func(channel string) bool {
		if !slices.Contains(q.Channels, channel) {
			return false
		}
		named = append(named, channel)
		return true
	}))
	return contract.ChannelsAnswer{Membership: c.membership(), Named: named}, nil
}

// compare gives the memberships that are newer than those at the gateway.
func (p *Presence) compare(_ context.Context, q contract.CompareRequest) (contract.CompareAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := contract.CompareAnswer{Memberships: map[string]contract.Membership{}}
	for id, held := range q.Sessions {
		p.compared = append(p.compared, id)
		if c := p.connections[id]; c != nil && c.revision > held.Revision {
			answer.Memberships[id] = c.membership()
		}
	}
	return answer, p.fault
}

// Compared are the connections that the gateway has compared, one by one, since the last call.
func (p *Presence) Compared() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids, p.compared = p.compared, nil
	return ids
}

// Left says whether the client of a connection has left it.
func (p *Presence) Left(connID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections[connID].left
}

// Shift moves a connection into other channels, of which the gateway is not told, as when an order is lost.
func (p *Presence) Shift(connID string, channels ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections[connID].change(channels)
}

func (p *Presence) detach(_ context.Context, q contract.DetachRequest) (contract.DetachAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return contract.DetachAnswer{}, p.fault
	}
	n := 0
	for id, session := range q.Sessions {
		if c := p.connections[id]; c != nil && c.session == session {
			c.session, c.left = "", slices.Contains(q.Left, id)
			if q.Offsets[id] > 0 && !c.left {
				c.offset, c.exact = q.Offsets[id], true
			}
			n++
		}
	}
	return contract.DetachAnswer{Detached: n}, nil
}

func (p *Presence) lease(_ context.Context, q contract.LeaseRequest) (contract.LeaseAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leases++
	var has contract.Digest
	for id, c := range p.connections {
		if c.session != "" && c.gateway == q.ID {
			has.Add(id, c.session, c.revision)
		}
	}
	return contract.LeaseAnswer{TTL: 1, Differs: has.Differs(*q.Held), Contract: p.contract}, p.fault
}

package engine09

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/shared/contract"
)

// impliedWait is how long a client has to say which namespace it wants. One that says nothing wants the root, to which a
// client of 0.9 is connected without asking. Were the root served at once, a client of /stream would get there what it missed.
const impliedWait = 3 * time.Second

// again is how soon it is looked again whether a client listens that has not said which.
const again = 500 * time.Millisecond

// conversation is one client's, from its handshake on.
type conversation struct {
	// set at construction
	engine *Engine
	sid    string
	ticket *admission.Ticket
	dialog *dialog.Dialog

	start  sync.Once       // of the session, or of its end before it began
	member *hub.Member     // set by start; nil: there is no session
	polls  *polling.Outlet // set by start; nil for a WebSocket

	limit *time.Timer // ends what does not come to a session with a namespace, or forgets one that has ended; guarded by engine.mu
	imply *time.Timer // connects to the root; guarded by engine.mu

	greeted atomic.Bool // a poll was answered, so that the client knows itself connected
	done    atomic.Bool // its client has left or been refused, and is not to come back by itself
	posting atomic.Bool // a POST is under way
	inbound dialog.Inbound
	root    root // guarded by inbound
}

// root says how the client came to the root, or did not.
//
//	open ──it names a namespace──► named
//	  └──it does not, or sends an event there──► implied ──it names another──► named
type root uint8

const (
	open root = iota
	implied
	named
)

func newConversation(e *Engine, query url.Values, sid string, ticket *admission.Ticket) *conversation {
	c := &conversation{engine: e, sid: sid, ticket: ticket}
	c.dialog = dialog.New(e.config.Dialog, dialog.SocketIO09{}, dialog.FromQuery(query), c.name)
	return c
}

// name says whose session it is, or gives the fault for a user who has too many.
func (c *conversation) name(user string) error {
	if err := c.ticket.Name(user); err != nil {
		return c.engine.config.Refused(err)
	}
	return nil
}

// enlist puts a conversation that has a handshake on the list, until it is forgotten.
func (c *conversation) enlist() {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions[c.sid] = c
	c.limit = time.AfterFunc(e.config.ConnectTimeout, c.expire)
}

// giveUp ends a handshake that no session comes of here.
func (c *conversation) giveUp() {
	c.forget()
	c.ticket.Return()
}

// opened gives the member of a session that has begun, else nil.
func (c *conversation) opened() *hub.Member {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.member
}

// begin puts a session into force, and tells the client so.
func (c *conversation) begin(m *hub.Member) {
	c.dialog.Bind(m)
	m.Send(socketio09.AppendConnect(nil, ""))
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.member = m
	if m.Why() == "" {
		c.imply = time.AfterFunc(min(impliedWait, c.engine.config.ConnectTimeout/2), c.implyRoot)
	}
}

// expire ends a handshake that no session came of, or a session that is connected to no namespace.
func (c *conversation) expire() {
	c.start.Do(c.giveUp)
	if m := c.opened(); m != nil && !c.dialog.Connected() {
		m.Close(contract.ReasonProtocolError)
	}
}

// lastWait is how long a client that polls has to fetch the last packets of its session.
const lastWait = 5 * time.Second

// ended is called by the shard when the member is over.
func (c *conversation) ended(reason contract.Reason, offset uint64) {
	e := c.engine
	e.mu.Lock()
	c.limit.Stop()
	if c.imply != nil {
		c.imply.Stop()
	}
	if c.polls != nil {
		c.limit = time.AfterFunc(lastWait, c.forget)
	} else {
		delete(e.sessions, c.sid)
	}
	e.mu.Unlock()
	c.ticket.Return()
	c.dialog.End(reason, offset)
}

// forget takes a conversation off the list.
func (c *conversation) forget() {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	c.limit.Stop()
	delete(c.engine.sessions, c.sid)
}

// farewell gives the packets that are sent before a session closes: a client that gets a disconnect does not come back by
// itself.
func (c *conversation) farewell(reason contract.Reason) [][]byte {
	if c.done.Load() || reason.Final() {
		return [][]byte{socketio09.AppendDisconnect(nil, "")}
	}
	return nil
}

// isSignal says whether a packet leads to nothing but a sign of life.
func isSignal(p socketio09.Packet) bool {
	switch p.Type {
	case socketio09.Heartbeat, socketio09.Ack, socketio09.Error, socketio09.Noop:
		return true
	}
	return false
}

// packet takes one packet from the client; it may wait for presence. inbound is held.
func (c *conversation) packet(ctx context.Context, p socketio09.Packet) contract.Reason {
	c.member.Touch()
	switch {
	case isSignal(p):
		return ""
	case p.Type == socketio09.Disconnect:
		return c.leave(ctx, p)
	case p.Type == socketio09.Connect:
		return c.connect(ctx, namespaceOf(p), p.Query)
	}
	return c.event(ctx, p)
}

// namespaceOf gives the namespace that a packet is for.
func namespaceOf(p socketio09.Packet) string {
	if p.Endpoint == "" {
		return frame.RootNamespace
	}
	return p.Endpoint
}

// connect connects to a namespace. A client that has come back may ask for one twice.
func (c *conversation) connect(ctx context.Context, namespace, query string) contract.Reason {
	before := c.root
	c.root = named
	if c.dialog.ConnectedTo(namespace) {
		return ""
	}
	reason := c.ask(ctx, namespace, query)
	if reason == "" && before == implied && c.dialog.ConnectedTo(namespace) {
		return c.disconnect(ctx, frame.RootNamespace)
	}
	return reason
}

func (c *conversation) ask(ctx context.Context, namespace, query string) contract.Reason {
	reason := c.dialog.Receive(ctx, socketio.Packet{Type: socketio.Connect, Namespace: namespace, Query: query, ID: socketio.NoID})
	if reason == "" {
		c.done.Store(!c.dialog.Connected())
	}
	return reason
}

// implyRoot connects a client that did not say what it wants. One that does not listen waits: it may be gone, and have come back with
// another session, from which this one must not take the connection.
func (c *conversation) implyRoot() {
	if !polling.IsHeard(c.member, c.polls) {
		c.engine.mu.Lock()
		defer c.engine.mu.Unlock()
		if c.member.Why() == "" {
			c.imply.Reset(again)
		}
		return
	}
	c.inbound.Lock()
	defer c.inbound.Unlock()
	if c.root != open || c.member.Why() != "" {
		return
	}
	c.root = implied
	reason := c.dialog.ConnectRoot(c.member.Life())
	if reason == "" {
		c.done.Store(!c.dialog.Connected())
	} else {
		c.member.Close(reason)
	}
}

// leave ends a namespace, or all. The stock client keeps its transport when it has left its last namespace, and would ask for
// that again when it comes back; so it is told that all has ended.
func (c *conversation) leave(ctx context.Context, p socketio09.Packet) contract.Reason {
	namespaces := []string{p.Endpoint}
	if p.Endpoint == "" {
		c.done.Store(true)
		namespaces = []string{frame.StreamNamespace, frame.RootNamespace}
	}
	for _, namespace := range namespaces {
		if reason := c.disconnect(ctx, namespace); reason != "" {
			c.done.Store(true)
			return reason
		}
	}
	if p.Endpoint == "" {
		return contract.ReasonClosed
	}
	return ""
}

func (c *conversation) disconnect(ctx context.Context, namespace string) contract.Reason {
	if !c.dialog.ConnectedTo(namespace) {
		return ""
	}
	return c.dialog.Receive(ctx, socketio.Packet{Type: socketio.Disconnect, Namespace: namespace, ID: socketio.NoID})
}

// event takes an event, or a message, which is an event that nobody listens to. What is for a namespace that is not connected
// is for nobody, as with the stock server.
func (c *conversation) event(ctx context.Context, p socketio09.Packet) contract.Reason {
	said := socketio.Packet{Type: socketio.Event, Namespace: namespaceOf(p), ID: p.ID, Data: []byte(`["message"]`)}
	if p.Type == socketio09.Event {
		list, err := socketio09.DecodeEvent(p.Data)
		if err != nil {
			return contract.ReasonProtocolError
		}
		said.Data = list
	}
	if said.Namespace == frame.RootNamespace && c.root == open {
		c.root = implied
		if reason := c.ask(ctx, frame.RootNamespace, ""); reason != "" {
			return reason
		}
	}
	if !c.dialog.ConnectedTo(said.Namespace) {
		return ""
	}
	return c.dialog.Receive(ctx, said)
}

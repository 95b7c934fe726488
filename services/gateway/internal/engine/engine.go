// Package engine serves Engine.IO sessions, of revision 4 and 3: handshake, polling, upgrade to a WebSocket, and the way of their packets
// into a dialog.
//
//	GET  ?EIO=4&transport=polling            open packet with a sid
//	POST ?EIO=4&transport=polling&sid=…      packets from the client → "ok"
//	GET  ?EIO=4&transport=polling&sid=…      packets for the client
//	GET  ?EIO=4&transport=websocket&sid=…    upgrade: 2probe ► ◄ 3probe, 5 ►
//	GET  ?EIO=4&transport=websocket          WebSocket from the start
//
// Revision 3 (EIO=3, or 2) differs in its payloads, in who pings, and in JSONP polling (j=…); see revision3.go.
//
// Source: Engine.IO protocol 4, sections "HTTP long-polling", "WebSocket" and "Upgrade"; Engine.IO protocol 3.
package engine

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// Transport names of the protocol.
const (
	pollingTransport   = "polling"
	websocketTransport = "websocket"
)

// maxPackets is how many packets one POST may hold.
const maxPackets = 1000

// Config is what an engine works with.
type Config struct {
	Hub            *hub.Hub
	Dialog         *dialog.Config
	Sockets        *websocket.Upgrader
	Polls          polling.Limits
	Transports     []string // offered: polling, websocket
	HeartbeatEvery time.Duration
	HeartbeatWait  time.Duration
	ConnectTimeout time.Duration // of a session that connects to no namespace
	MaxPayload     int
	PerSecond      int // packets that a client may send in a second; 0: no limit
	Origin         func(*http.Request) bool
	Refuse         func() contract.Reason // a reason when no new session is taken; "" else
	Ticket         func(*http.Request) (*admission.Ticket, *contract.Fault)
	Refused        func(error) *contract.Fault // counts a refusal of a ticket
	Peers          Peers
}

// Engine is the Engine.IO server of a gateway.
type Engine struct {
	config Config

	mu       sync.Mutex
	sessions map[string]*conversation // by sid; guarded by mu
}

// New makes an engine.
func New(c Config) *Engine { return &Engine{config: c, sessions: map[string]*conversation{}} }

// conversation is one Engine.IO session.
type conversation struct {
	// set at construction
	engine    *Engine
	sid       string
	revision3 bool // it speaks Engine.IO 3
	ticket    *admission.Ticket
	dialog    *dialog.Dialog
	member    *hub.Member
	polls     *polling.Outlet // nil for a session that began as a WebSocket

	limit *time.Timer // closes a session that connects to no namespace, or forgets one that has ended; guarded by engine.mu

	posting atomic.Bool // a POST is under way
	inbound dialog.Inbound

	mu       sync.Mutex
	way      way               // guarded by mu
	probing  *websocket.Socket // the socket that is tried, nil for none; guarded by mu
	fetching *fetching         // the try of another gateway, nil for none; guarded by mu
}

// way is by what a session speaks.
//
//	polls ──a socket is tried──► trying ──the client says so──► bySocket
//	  ▲     here, or away            │ away                         ▲
//	  └── it did not come to that ───┴──────────────────────────────┘
type way uint8

const (
	polls way = iota
	trying
	away // a socket is tried at another gateway
	bySocket
)

// ServeHTTP answers every request below the Socket.IO path.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	transport := q.Get("transport")
	switch {
	case !e.config.Origin(r):
		e.refuse(w, r, engineio.Forbidden)
	case !speaks(q.Get("EIO")):
		e.refuse(w, r, engineio.UnsupportedVersion)
	case !e.offers(transport, q):
		e.refuse(w, r, engineio.UnknownTransport)
	case q.Get("sid") != "":
		e.goOn(w, r, q.Get("sid"), transport)
	case r.Method != http.MethodGet:
		e.refuse(w, r, engineio.BadHandshakeMethod)
	case e.config.Refuse() != "":
		e.say(r, errors.New(string(e.config.Refuse())))
		w.Header().Set("Retry-After", "1")
		http.Error(w, string(e.config.Refuse()), http.StatusServiceUnavailable)
	default:
		e.open(w, r, transport)
	}
}

// open opens a session, if there is room.
func (e *Engine) open(w http.ResponseWriter, r *http.Request, transport string) {
	ticket, fault := e.config.Ticket(r)
	switch {
	case fault != nil:
		e.fault(w, r, fault)
	case transport == websocketTransport:
		e.openSocket(w, r, ticket)
	default:
		e.openPolling(w, r, ticket)
	}
}

// speaks says whether a revision is served.
func speaks(version string) bool { return version == engineio.Version || engineio.IsRevision3(version) }

// offers says whether clients may use a transport here; the setting names those of other paths too.
func (e *Engine) offers(transport string, query url.Values) bool {
	if transport == pollingTransport && isScript(query) {
		return engineio.IsIndex(query.Get("j")) && slices.Contains(e.config.Transports, settings.TransportJSONPPolling)
	}
	known := transport == pollingTransport || transport == websocketTransport
	return known && slices.Contains(e.config.Transports, transport)
}

// say has the log tell that a request is refused.
func (e *Engine) say(r *http.Request, reason error) {
	transport := r.URL.Query().Get("transport")
	e.config.Dialog.Logger.DebugContext(r.Context(), "a client is refused", "way", "socket.io",
		"method", r.Method, "transport", transport[:min(len(transport), len(websocketTransport))], "reason", reason)
}

// fault refuses a request as any way in does.
func (e *Engine) fault(w http.ResponseWriter, r *http.Request, fault *contract.Fault) {
	e.say(r, fault)
	edge.WriteFault(w, fault)
}

// refuse refuses a request as the stock server does.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, refusal engineio.Refusal) {
	e.say(r, refusal)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(refusal.Status())
	w.Write(refusal.AppendJSON(nil)) //nolint:errcheck // the client has gone then
}

// goOn serves a request of a session that exists.
func (e *Engine) goOn(w http.ResponseWriter, r *http.Request, sid, transport string) {
	e.mu.Lock()
	c := e.sessions[sid]
	e.mu.Unlock()
	switch {
	case c == nil && e.config.Peers.Elsewhere(sid):
		e.away(w, r, sid, transport)
	case c != nil && r.Method == http.MethodPost && c.hasNotHeard():
		taken(w)
	case c == nil, c.member.Why() != "" && (transport != pollingTransport || r.Method != http.MethodGet):
		e.refuse(w, r, engineio.UnknownSession)
	case c.revision3 != engineio.IsRevision3(r.URL.Query().Get("EIO")):
		e.refuse(w, r, engineio.BadRequest)
	case transport == websocketTransport:
		c.upgrade(w, r)
	case c.speaks() == bySocket:
		e.refuse(w, r, engineio.BadRequest)
	case r.Method == http.MethodGet:
		c.poll(w, r)
	case r.Method == http.MethodPost:
		c.post(w, r)
	default:
		e.refuse(w, r, engineio.BadRequest)
	}
}

func (e *Engine) newConversation(r *http.Request, ticket *admission.Ticket, sid string) *conversation {
	query := r.URL.Query()
	c := &conversation{
		engine: e, sid: sid, ticket: ticket, revision3: engineio.IsRevision3(query.Get("EIO")),
	}
	var speaks dialog.Protocol = dialog.SocketIO5{}
	if c.revision3 {
		speaks = dialog.SocketIO4{}
	}
	c.dialog = dialog.New(e.config.Dialog, speaks, dialog.FromQuery(query), c.name)
	return c
}

// name says whose session it is, or gives the fault for a user who has too many.
func (c *conversation) name(user string) error {
	if err := c.ticket.Name(user); err != nil {
		return c.engine.config.Refused(err)
	}
	return nil
}

// begin puts the conversation on the list, once it has a member.
func (c *conversation) begin(m *hub.Member) {
	c.member = m
	c.dialog.Bind(m)
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	select {
	case <-m.Over():
	default:
		c.engine.sessions[c.sid] = c
		c.limit = time.AfterFunc(c.engine.config.ConnectTimeout, func() {
			if !c.dialog.Connected() {
				m.Close(contract.ReasonProtocolError)
			}
		})
		if c.revision3 {
			go c.connectByItself() // ends soon
		}
	}
}

func (c *conversation) speaks() way {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.way
}

func (c *conversation) open() []byte {
	config := &c.engine.config
	upgrades := []string{}
	if c.polls != nil && slices.Contains(config.Transports, websocketTransport) {
		upgrades = append(upgrades, websocketTransport)
	}
	return engineio.AppendOpen(nil, engineio.Handshake{
		SID: c.sid, Upgrades: upgrades,
		PingInterval: config.HeartbeatEvery, PingTimeout: config.HeartbeatWait, MaxPayload: config.MaxPayload,
	})
}

// packet takes one packet from the client; it may wait for presence.
func (c *conversation) packet(ctx context.Context, p engineio.Packet) contract.Reason {
	if p.Type != engineio.Message {
		return c.signal(p)
	}
	c.member.Touch()
	if p.Binary {
		c.dialog.Binary()
		return ""
	}
	return c.dialog.Packet(ctx, p.Data)
}

// signal takes a packet that is about the session itself.
func (c *conversation) signal(p engineio.Packet) contract.Reason {
	c.member.Touch()
	switch p.Type {
	case engineio.Ping:
		if c.revision3 {
			c.member.Send([]byte{'0' + byte(engineio.Pong)})
			return ""
		}
	case engineio.Pong, engineio.Noop:
		return ""
	case engineio.Close:
		return contract.ReasonClosed
	}
	return contract.ReasonProtocolError
}

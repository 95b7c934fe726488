package engine

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/relay"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/contract"
)

// A request may come for a session that another gateway holds, whose route is in the sid. A poll and a POST are handed to it.
// A WebSocket can not be: the session comes here.
//
//	client                  this gateway                 the holder
//	  WebSocket … sid ────►   try ────────────────────────►  from now on it tries
//	  2probe ─────────────►   drain ──────────────────────►  the poll that waits is let go, wherever it waits
//	  ◄───────────── 3probe
//	  5 ──────────────────►   take ───────────────────────►  the session ends there
//	                          ◄─ its packets, namespaces, connection and offset
//	  ◄── what no poll took   attach the connection, go on behind the offset
//
// Source: Engine.IO protocol 4, section "Upgrade".

// Peers are the other gateways.
type Peers interface {
	// NewID makes the id of a session of this gateway.
	NewID() string
	// Elsewhere says whether a sid names another gateway.
	Elsewhere(sid string) bool
	// Forward has the holder answer a request. On an error nothing is answered.
	Forward(w http.ResponseWriter, r *http.Request, sid string) error
	// Move has the holder take a step of a move.
	Move(ctx context.Context, o contract.MoveOrder) (contract.MoveAnswer, error)
}

// away serves a request of a session that another gateway holds.
func (e *Engine) away(w http.ResponseWriter, r *http.Request, sid, transport string) {
	if transport == websocketTransport {
		e.fetch(w, r, sid)
		return
	}
	err := e.config.HandOn(w, r, sid)
	var fault *contract.Fault
	switch {
	case err == nil:
	case errors.As(err, &fault):
		e.fault(w, r, fault)
	case errors.Is(err, relay.ErrGone):
		e.refuse(w, r, engineio.UnknownSession)
	default:
		e.refuse(w, r, engineio.BadRequest)
	}
}

// HandOn has the holder of a session answer a request. On an error nothing is answered: a *contract.Fault is for the client, with
// relay.ErrGone the session is unknown, and what else there is, is the request's own fault.
func (c *Config) HandOn(w http.ResponseWriter, r *http.Request, sid string) error {
	err := c.Peers.Forward(w, r, sid)
	switch {
	case r.Context().Err() != nil:
		return nil // nobody waits for an answer
	case errors.Is(err, relay.ErrTooLarge):
		return &contract.Fault{Code: contract.CodeTooLarge, Message: "The payload is larger than gateways can hand to each other."}
	case errors.Is(err, relay.ErrBusy):
		return contract.Unavailable("The gateway of this session can not be reached from here; try again.")
	}
	return err //nolint:wrapcheck // it says all
}

// fetch begins the upgrade of a session that another gateway holds. Whoever may have no session here stays where they are,
// and go on polling.
func (e *Engine) fetch(w http.ResponseWriter, r *http.Request, sid string) {
	if reason := e.config.Refuse(); reason != "" {
		e.fault(w, r, contract.Unavailable("This gateway takes no session now ("+string(reason)+")."))
		return
	}
	ticket, fault := e.config.Ticket(r)
	if fault != nil {
		e.fault(w, r, fault)
		return
	}
	order := contract.MoveOrder{SID: sid, Step: contract.StepTry}
	if engineio.IsRevision3(r.URL.Query().Get("EIO")) {
		order.Revision = 3
	}
	answer, err := e.config.Peers.Move(r.Context(), order)
	switch {
	case err != nil:
		e.fault(w, r, contract.Unavailable("The gateway of this session does not answer; try again."))
	case !answer.Known:
		e.refuse(w, r, engineio.UnknownSession)
	case answer.Busy:
		e.dismiss(w, r)
	default:
		m := &move{engine: e, sid: sid, request: r, ticket: ticket}
		ws, err := e.config.Sockets.Upgrade(w, r)
		if err != nil {
			e.say(r, err)
			m.giveUp()
			return // Upgrade has answered
		}
		go m.run(ws) // ends after two heartbeats at the latest, or with the connection
		return
	}
	ticket.Return()
}

// move is the upgrade of a session that another gateway holds.
type move struct {
	engine  *Engine
	sid     string
	request *http.Request
	ticket  *admission.Ticket
}

// step has the holder take a step, and says whether it did.
func (m *move) step(s contract.Step) (*contract.MovedSession, bool) {
	answer, err := m.engine.config.Peers.Move(context.Background(), contract.MoveOrder{SID: m.sid, Step: s})
	if err != nil {
		m.engine.say(m.request, err)
	}
	return answer.Session, err == nil && answer.Known && !answer.Busy
}

// giveUp leaves the session where it is.
func (m *move) giveUp() {
	m.ticket.Return()
	m.step(contract.StepBack)
}

// run is the client's way here.
func (m *move) run(ws *websocket.Socket) {
	session, moved := m.bring(ws)
	if !moved {
		m.giveUp()
		ws.Close()
		return
	}
	c := m.engine.newConversation(m.request, m.ticket, m.sid)
	c.way = bySocket
	c.dialog.Moved(session)
	last := func(reason contract.Reason) []byte {
		if session.Reason != "" {
			return nil // its last packets are with the others
		}
		return c.farewell(reason)
	}
	outlet := ws.Packets(c.frame, last).HearBinary(c.dialog.Binary)
	member := m.engine.config.Hub.Open(outlet, ws.Way(c.through(frame.Packets)), websocketTransport, c.ended)
	c.begin(member)
	for _, packet := range session.Packets {
		member.Send(packet)
	}
	member.Use(func(hub.Outlet) contract.Reason {
		if session.Reason != "" || c.revision3 {
			return session.Reason // a client of Engine.IO 3 is asked for no sign of life
		}
		return outlet.Ping(time.Now()) // the holder's last one may have been long ago
	})
	member.Resume(c.dialog.GoOn(member.Life(), session))
}

// bring has the client say that it moves, and the holder give the session away.
func (m *move) bring(ws *websocket.Socket) (*contract.MovedSession, bool) {
	within := m.engine.patience()
	ws.ReadUntil(time.Now().Add(within))
	if !says(ws, engineio.Ping, engineio.Probe) {
		return nil, false
	}
	if _, done := m.step(contract.StepDrain); !done || ws.WriteDirect(pong()) != nil {
		return nil, false
	}
	ws.ReadUntil(time.Now().Add(within))
	if !says(ws, engineio.Upgrade, "") {
		return nil, false
	}
	session, done := m.step(contract.StepTake)
	return session, done && session != nil
}

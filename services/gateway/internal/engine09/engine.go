// Package engine09 serves the clients of Socket.IO 0.9: handshake, WebSocket, polling with and without JSONP, and the way of
// their packets into a dialog.
//
//	GET  /socket.io/1/                       sid:45:45:websocket,xhr-polling
//	GET  /socket.io/1/websocket/sid          WebSocket
//	GET  /socket.io/1/xhr-polling/sid        packets for the client
//	POST /socket.io/1/xhr-polling/sid        packets from the client → 1
//	GET  /socket.io/1/jsonp-polling/sid?i=0  the same as a script: io.j[0]("…");
//	POST /socket.io/1/jsonp-polling/sid      the same as a form, d="…"
//
// With a handshake a client has a sid and no more: a session begins with the first transport that it comes by. There is no
// upgrade. A client that gets nowhere by one transport tries the next with the same sid. Each request may come to another gateway; see
// away.go.
//
// A poll whose sid is not known is answered with the error "client not handshaken" and the advice to reconnect, upon which the stock
// client makes a new handshake, also one that is not connected yet. One that is, is better told by an HTTP error, for which it takes its
// connection for broken: upon the advice it posts a farewell first, and when that fails it comes back twice.
//
// Source: socket.io-spec, sections "Handshake" and "Transport URL"; the stock server 0.9.
package engine09

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/channelstream/channelstream/services/gateway/internal/engine"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// Transport names of the protocol.
const (
	websocketTransport = "websocket"
	xhrTransport       = "xhr-polling"
	jsonpTransport     = "jsonp-polling"
)

// offers are the transports that are served, in the order in which they are offered, and the settings that offer them.
var offers = []struct{ transport, setting string }{
	{websocketTransport, settings.TransportWebSocket},
	{xhrTransport, settings.TransportPolling},
	{jsonpTransport, settings.TransportJSONPPolling},
}

// maxPackets is how many packets one POST may hold.
const maxPackets = 1000

// Engine is the server of a gateway for clients of 0.9.
type Engine struct {
	// set at construction
	config     engine.Config
	below      string   // what the path of every request begins with
	transports []string // offered

	mu       sync.Mutex
	sessions map[string]*conversation // by sid; guarded by mu
}

// New makes an engine for the requests below a path.
func New(c engine.Config, below string) *Engine {
	e := &Engine{config: c, below: below, sessions: map[string]*conversation{}}
	for _, offer := range offers {
		if slices.Contains(c.Transports, offer.setting) {
			e.transports = append(e.transports, offer.transport)
		}
	}
	return e
}

// ServeHTTP answers every request below /socket.io/1.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.FieldsFunc(strings.TrimPrefix(r.URL.Path, e.below), func(c rune) bool { return c == '/' })
	switch {
	case len(path) == 0:
		e.handshake(w, r)
	case !e.config.Origin(r):
		e.refuse(w, r, http.StatusForbidden, badOrigin)
	case r.URL.Query().Has("disconnect"): // a page that is left says so before it goes: /1//sid/?disconnect=1
		e.disconnect(w, r, path[len(path)-1])
	case len(path) != 2:
		edge.WriteFault(w, edge.NotFound())
	case !slices.Contains(e.transports, path[0]):
		e.refuse(w, r, http.StatusBadRequest, badTransport)
	case path[0] == websocketTransport:
		e.socket(w, r, path[1])
	case r.Method == http.MethodGet:
		e.poll(w, r, path[1], path[0])
	case r.Method == http.MethodPost:
		e.post(w, r, path[1], path[0])
	default:
		w.Header().Set("Allow", "GET, POST")
		edge.WriteFault(w, edge.WrongMethod())
	}
}

// handshake gives a client a sid.
func (e *Engine) handshake(w http.ResponseWriter, r *http.Request) {
	index := r.URL.Query().Get("jsonp")
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET")
		edge.WriteFault(w, edge.WrongMethod())
		return
	case index != "" && (!slices.Contains(e.transports, jsonpTransport) || !socketio09.IsIndex(index)):
		e.refuse(w, r, http.StatusBadRequest, badTransport)
		return
	case !e.config.Origin(r):
		e.refuseHandshake(w, r, index, http.StatusForbidden, badOrigin)
		return
	case len(e.transports) == 0:
		e.refuseHandshake(w, r, index, http.StatusBadRequest, badTransport)
		return
	case e.config.Refuse() != "":
		w.Header().Set("Retry-After", "1")
		e.refuseHandshake(w, r, index, http.StatusServiceUnavailable, string(e.config.Refuse()))
		return
	}
	ticket, fault := e.config.Ticket(r)
	if fault != nil {
		e.refuseHandshake(w, r, index, fault.Code.HTTPStatus(), fault.Message)
		return
	}
	c := newConversation(e, r.URL.Query(), e.config.Peers.NewID(), ticket)
	c.enlist()
	silence := e.config.HeartbeatEvery + e.config.HeartbeatWait
	write(w, index, socketio09.AppendHandshake(nil, socketio09.Handshake{
		SID: c.sid, HeartbeatTimeout: silence, CloseTimeout: silence, Transports: e.transports,
	}))
}

// session gives the conversation of a sid; nil for none.
func (e *Engine) session(sid string) *conversation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[sid]
}

// disconnect ends a session whose client leaves.
func (e *Engine) disconnect(w http.ResponseWriter, r *http.Request, sid string) {
	c := e.session(sid)
	if c == nil {
		if e.config.Peers.Elsewhere(sid) {
			e.away(w, r, sid, "")
		}
		return
	}
	if m := c.opened(); m != nil {
		c.done.Store(true)
		m.Close(contract.ReasonClosed)
	} else {
		c.expire()
	}
}

// ended is said to a client whose session is over.
const ended = "the session has ended"

// Words of the stock server.
const (
	badOrigin     = "handshake bad origin"
	badTransport  = "transport not supported"
	notHandshaken = "client not handshaken"
	badPayload    = "bad payload"
)

// say has the log tell that a request is refused.
func (e *Engine) say(r *http.Request, reason error) {
	e.config.Dialog.Logger.DebugContext(r.Context(), "a client is refused", "way", "socket.io 0.9", "method", r.Method, "reason", reason)
}

// refuse refuses a request by its status: the client takes its connection for broken, and tries another transport or comes back.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	e.say(r, errors.New(why))
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write([]byte(why)) //nolint:errcheck // the client has gone then
}

// unknown answers a request whose sid is not known. Only a poll is told, with the advice to come back, as a script where that has an
// index. A POST is taken: an error there would have a stock client that comes back already, since its poll was told, begin once more;
// then it has two sessions, one takes the connection from the other, and the client stays away.
func (e *Engine) unknown(w http.ResponseWriter, r *http.Request, index string) {
	e.say(r, errors.New(notHandshaken))
	if r.Method == http.MethodPost {
		write(w, "", taken)
		return
	}
	write(w, index, words.Close)
}

// taken answers every POST.
var taken = []byte("1")

// refuseHandshake is refuse for a handshake, which may be asked for as a script.
func (e *Engine) refuseHandshake(w http.ResponseWriter, r *http.Request, index string, status int, why string) {
	if index == "" {
		e.refuse(w, r, status, why)
		return
	}
	e.say(r, errors.New(why))
	writeScript(w, socketio09.AppendErrorScript(nil, index, why))
}

// write answers with text, or, with an index, with the script that hands it to the client.
func write(w http.ResponseWriter, index string, text []byte) {
	if index != "" {
		writeScript(w, socketio09.AppendScript(nil, index, text))
		return
	}
	answer(w, "text/plain; charset=UTF-8", text)
}

func writeScript(w http.ResponseWriter, script []byte) {
	answer(w, "text/javascript; charset=UTF-8", script)
}

func answer(w http.ResponseWriter, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(body) //nolint:errcheck // the client has gone then, and the heartbeat notices
}

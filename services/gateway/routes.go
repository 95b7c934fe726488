package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	gorilla "github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Handler is the whole surface for clients.
func (s *Service) Handler() http.Handler {
	resource := "/" + s.config.Settings.Clients.Resource
	r := chi.NewRouter()
	r.Use(s.origins.headers)
	r.Get("/ws", s.plainSocket)
	if s.config.ClientScript != nil {
		r.Get(resource+"/socket.io.js", s.clientScript)
	}
	r.Handle(resource, s.engine)
	r.Handle(resource+"/", s.engine)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		writeFault(w, &contract.Fault{Code: contract.CodeNotFound, Message: "There is nothing at this path."})
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodGet)
		writeFault(w, &contract.Fault{Code: contract.CodeMethod, Message: "This path is read with GET."})
	})
	return r
}

// Paths are the patterns below which Handler answers, for a router in front of it.
func Paths(c settings.Settings) []string {
	return []string{"/ws", "/" + c.Clients.Resource, "/" + c.Clients.Resource + "/*"}
}

func (s *Service) clientScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(s.config.ClientScript) //nolint:errcheck // the browser has gone then
}

// plainSocket opens a WebSocket on which a client gets bare lists: GET /ws?conn_id=…
func (s *Service) plainSocket(w http.ResponseWriter, r *http.Request) {
	id := contract.CanonicalID(r.URL.Query().Get("conn_id"))
	switch {
	case !slices.Contains(s.config.Settings.Clients.Transports, settings.TransportWebSocket):
		writeFault(w, &contract.Fault{Code: contract.CodeNotFound, Message: "WebSockets are switched off here."})
		return
	case !gorilla.IsWebSocketUpgrade(r):
		w.Header().Set("Upgrade", "websocket")
		writeFault(w, &contract.Fault{Code: contract.CodeMalformed, Message: "This path is opened as a WebSocket."})
		return
	case !s.origins.allowed(r):
		writeFault(w, &contract.Fault{Code: contract.CodeForbidden, Message: "Pages of this origin may not connect."})
		return
	case id == "":
		writeFault(w, contract.Invalid("conn_id", "Missing data for required field."))
		return
	case s.refuse() != "":
		writeFault(w, contract.Unavailable("This gateway is draining; connect again."))
		return
	}
	attached, err := s.book.Attach(r.Context(), session.Credentials{ConnID: id}, "ws")
	if err != nil {
		s.writeError(w, err)
		return
	}
	waiting := s.sockets.Waiting()
	m := s.hub.Open(waiting, frame.Lists, "ws", attached.End)
	if err := attached.Enter(r.Context(), session.Entrance{Member: m}); err != nil {
		m.Close(contract.ReasonClosed)
		s.writeError(w, err)
		return
	}
	opened, err := s.sockets.Upgrade(w, r)
	if err != nil {
		m.Close(contract.ReasonClosed)
		return // Upgrade has answered
	}
	outlet := opened.Plain()
	m.Switch(outlet, opened.Way(frame.Lists), "ws", func() contract.Reason {
		return waiting.Forward(outlet, time.Now())
	})
	go outlet.Read(m, nil) // ends with the connection
}

// writeError answers with the fault in err, or with a general one after logging it.
func (s *Service) writeError(w http.ResponseWriter, err error) {
	var fault *contract.Fault
	if !errors.As(err, &fault) {
		s.log.Warn("a session could not be opened", "error", err)
		fault = contract.Unavailable("The server can not reach its services; try again.")
	}
	writeFault(w, fault)
}

func writeFault(w http.ResponseWriter, fault *contract.Fault) {
	if fault.Code == contract.CodeUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(fault.Code.HTTPStatus())
	json.NewEncoder(w).Encode(fault) //nolint:errcheck // the client has gone then
}

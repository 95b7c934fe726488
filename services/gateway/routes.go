package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Handler is the whole surface for clients.
func (s *Service) Handler() http.Handler {
	resource := "/" + s.config.Settings.Clients.Resource
	r := chi.NewRouter()
	r.Use(s.origins.headers)
	r.Get("/ws", s.plainSocket)
	r.Get("/sse", s.eventStream)
	r.Get("/listen", s.listen)
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
	return []string{"/ws", "/sse", "/listen", "/" + c.Clients.Resource, "/" + c.Clients.Resource + "/*"}
}

func (s *Service) clientScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(s.config.ClientScript) //nolint:errcheck // the browser has gone then
}

// faultOf gives the fault in err, or a general one after logging err.
func (s *Service) faultOf(err error) *contract.Fault {
	var fault *contract.Fault
	if !errors.As(err, &fault) {
		s.log.Warn("a session could not be opened", "error", err)
		fault = contract.Unavailable("The server can not reach its services; try again.")
	}
	return fault
}

func writeFault(w http.ResponseWriter, fault *contract.Fault) {
	if fault.Code == contract.CodeUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(fault.Code.HTTPStatus())
	json.NewEncoder(w).Encode(fault) //nolint:errcheck // the client has gone then
}

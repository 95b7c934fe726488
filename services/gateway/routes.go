package gateway

import (
	"errors"
	"net/http"
	"strings"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// Handler is the whole surface for clients. Every request passes, in this order: preflight, HTTPS, and then its path,
// which looks at the Origin.
func (s *Service) Handler() http.Handler {
	resource := "/" + s.config.Settings.Clients.Resource
	r := edge.NewRouter()
	r.Get("/ws", s.plainSocket)
	r.Get("/sse", s.eventStream)
	r.Get("/listen", s.listen)
	r.Handle(resource, s.engine)
	r.Handle(resource+"/", s.engine)
	if s.config.ClientScript != nil {
		edge.Read(r, resource+"/socket.io.js", s.clientScript)
	}
	return s.crossOrigin(s.guard(r))
}

// guard refuses what came in clear where HTTPS is enforced.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := s.transport.Refusal(r); fault != nil {
			edge.WriteFault(w, s.faultOf("http", fault))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// crossOrigin adds the headers of cross-origin requests and answers preflights.
func (s *Service) crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.origins.Allow(w.Header(), r)
		if r.Method == http.MethodOptions {
			s.origins.Preflight(w, "GET, OPTIONS, POST")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Serves says whether a path is one of a gateway's, for whoever puts more than a gateway behind one port.
func Serves(c settings.Settings, path string) bool {
	resource := "/" + c.Clients.Resource
	switch path {
	case "/ws", "/sse", "/listen", resource:
		return true
	}
	return strings.HasPrefix(path, resource+"/")
}

func (s *Service) clientScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(s.config.ClientScript) //nolint:errcheck // the browser has gone then
}

// notIn is in the log for each client that is not let in: the way that it came, and the reason.
const notIn = "a client is refused"

// faultOf gives the fault that tells a client why it is not let in, and the log the reason.
func (s *Service) faultOf(way string, err error) *contract.Fault {
	s.log.Debug(notIn, "way", way, "reason", err)
	var fault *contract.Fault
	if !errors.As(err, &fault) {
		fault = contract.Unavailable("The server can not reach its services; try again.")
	}
	return fault
}

package gateway

import (
	"net/http"
	"strings"

	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
	"github.com/channelstream/channelstream/services/gateway/internal/stockclient"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// Handler is the whole surface for clients. Every request passes, in this order: preflight, HTTPS, and then its path,
// which looks at the Origin.
func (s *Service) Handler() http.Handler { return s.crossOrigin(s.guard(s.router())) }

// router is the surface for requests that have passed preflight and HTTPS, here or at the gateway that handed them on.
func (s *Service) router() http.Handler {
	resource := "/" + s.config.Settings.Clients.Resource
	r := edge.NewRouter()
	r.Get(pathSocket, s.plainSocket)
	r.Get(pathStream, s.eventStream)
	r.Get(pathPoll, s.listen)
	r.Handle(resource, s.engine)
	r.Handle(resource+"/", s.engine)
	r.Handle(s.path09(), s.engine09)
	r.Handle(s.path09()+"/*", s.engine09)
	for _, name := range []string{stockclient.Full, stockclient.Min} {
		edge.Read(r, resource+"/"+name, s.clients.ServeHTTP)
	}
	return r
}

// path09 is where clients of Socket.IO 0.9 come.
func (s *Service) path09() string {
	return "/" + s.config.Settings.Clients.Resource + "/" + socketio09.Version
}

// guard refuses what came in clear where HTTPS is enforced.
func (s *Service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := s.transport.Refusal(r); fault != nil {
			edge.WriteFault(w, s.faultOf(r.Context(), "http", fault))
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
			s.origins.Preflight(w, r, "GET, OPTIONS, POST")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// The paths of clients that are named by a conn_id. Each takes GET.
const (
	pathSocket = "/ws"
	pathStream = "/sse"
	pathPoll   = "/listen"
)

// Endpoints are the paths of a gateway but for those of Socket.IO, for whoever describes them.
func Endpoints() []string { return []string{pathSocket, pathStream, pathPoll} }

// Serves says whether a path is one of a gateway's, for whoever puts more than a gateway behind one port.
func Serves(c settings.Settings, path string) bool {
	resource := "/" + c.Clients.Resource
	switch path {
	case pathSocket, pathStream, pathPoll, resource:
		return true
	}
	return strings.HasPrefix(path, resource+"/")
}

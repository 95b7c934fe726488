package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/channelstream/channelstream/services/api/internal/admin"
	"github.com/channelstream/channelstream/services/api/internal/explorer"
)

// routes is the whole HTTP surface. Every request passes, in this order: HTTPS, address and signature (the app's
// routes; an open one refuses only a wrong signature), method, encoding and size of the body, and then its handler. The admin page, if it
// is here, has a sign-in of its own.
func (s *Service) routes(page http.Handler) http.Handler {
	r := chi.NewRouter()
	s.endpoints = map[string]http.HandlerFunc{}
	route := func(path string, admit admission, m methods) {
		s.endpoints[path] = s.endpoint(path, admit, m)
		r.Handle(path, s.endpoints[path])
	}
	app := admission{signed: true, check: func(r *http.Request, now time.Time) (bool, error) { return false, s.gate.App(r, now) }}
	open := admission{check: func(r *http.Request, now time.Time) (bool, error) { return false, s.gate.Anyone(r, now) }}
	demo := admission{signed: true, check: s.gate.AppOrDemo} // what the demo may ask for too, about its own users, channels and connections

	route("/connect", demo, methods{http.MethodPost: s.connect})
	route("/subscribe", demo, methods{http.MethodPost: s.subscribe})
	route("/unsubscribe", demo, methods{http.MethodPost: s.unsubscribe})
	route("/message", demo, methods{http.MethodPost: s.message, http.MethodPatch: s.edit, http.MethodDelete: s.remove})
	route("/channel_config", app, methods{http.MethodPost: s.channelConfig})
	route("/user_status", demo, methods{http.MethodPost: s.userStatus})
	route("/user_state", app, methods{http.MethodPost: s.userState})
	route("/info", demo, methods{http.MethodGet: s.info, http.MethodPost: s.info})
	route("/disconnect", open, methods{http.MethodGet: s.disconnect, http.MethodPost: s.disconnect})
	route("/admin/admin.json", app, methods{http.MethodGet: s.totals, http.MethodPost: s.totals})
	route("/admin/instances", app, methods{http.MethodGet: s.instances, http.MethodPost: s.instances})
	route("/admin/channels", app, methods{http.MethodGet: s.listChannels, http.MethodPost: s.listChannels})
	route("/admin/users", app, methods{http.MethodGet: s.listUsers, http.MethodPost: s.listUsers})
	route("/admin/connections", app, methods{http.MethodGet: s.listConnections, http.MethodPost: s.listConnections})
	route("/admin/explain", app, methods{http.MethodGet: s.explain, http.MethodPost: s.explain})
	if page != nil {
		for _, path := range admin.Paths() {
			r.Handle(path, page)
		}
	}

	read := app // a description is for the app, unless it is for everybody
	if s.described.open {
		read = open
	}
	route("/openapi.yaml", read, methods{http.MethodGet: s.described.openAPIYAML})
	route("/openapi.json", read, methods{http.MethodGet: s.described.openAPIJSON})
	route("/asyncapi.yaml", read, methods{http.MethodGet: s.described.asyncAPIYAML})
	route("/asyncapi.json", read, methods{http.MethodGet: s.described.asyncAPIJSON})
	route("/api-explorer", read, methods{http.MethodGet: s.described.page})
	for _, f := range explorer.Files() {
		route("/api-explorer/"+f.Name, open, methods{http.MethodGet: s.described.file(f)})
	}

	unknown := s.endpoint("other", open, nil)
	r.NotFound(unknown)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { // chi's answer to a method that it has never heard of
		if endpoint, found := s.endpoints[r.URL.Path]; found {
			endpoint(w, r)
			return
		}
		unknown(w, r)
	})
	return r
}

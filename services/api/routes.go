package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// routes is the whole HTTP surface. Every request passes, in this order: HTTPS, address and signature (the app's
// routes; an open one refuses only a wrong signature), method, encoding and size of the body, and then its handler.
func (s *Service) routes() http.Handler {
	r := chi.NewRouter()
	known := map[string]http.HandlerFunc{}
	route := func(path string, admit admission, m methods) {
		known[path] = s.endpoint(path, admit, m)
		r.Handle(path, known[path])
	}
	app := func(r *http.Request, now time.Time) (bool, error) { return false, s.gate.App(r, now) }
	open := func(r *http.Request, now time.Time) (bool, error) { return false, s.gate.Anyone(r, now) }
	demo := s.gate.AppOrDemo // what the demo may ask for too, about its own users, channels and connections

	route("/connect", demo, methods{http.MethodPost: s.connect})
	route("/subscribe", demo, methods{http.MethodPost: s.subscribe})
	route("/unsubscribe", demo, methods{http.MethodPost: s.unsubscribe})
	route("/message", demo, methods{http.MethodPost: s.message, http.MethodPatch: s.edit, http.MethodDelete: s.remove})
	route("/channel_config", app, methods{http.MethodPost: s.channelConfig})
	route("/user_status", demo, methods{http.MethodPost: s.userStatus})
	route("/user_state", app, methods{http.MethodPost: s.userState})
	route("/info", demo, methods{http.MethodGet: s.info, http.MethodPost: s.info})
	route("/disconnect", open, methods{http.MethodGet: s.disconnect, http.MethodPost: s.disconnect})

	unknown := s.endpoint("other", open, nil)
	r.NotFound(unknown)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { // chi's answer to a method that it has never heard of
		if endpoint, found := known[r.URL.Path]; found {
			endpoint(w, r)
			return
		}
		unknown(w, r)
	})
	return r
}

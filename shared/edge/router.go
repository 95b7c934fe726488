package edge

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// methods are those that a path may take here.
var methods = [...]string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut,
}

// NewRouter makes a router that answers with a fault where there is no path, and where a path does not take a method,
// also one that nobody has heard of. It takes a path as it is, unlike http.ServeMux, which sends callers elsewhere
// when it is not clean.
func NewRouter() *chi.Mux {
	r := chi.NewRouter()
	nothing := func(w http.ResponseWriter, _ *http.Request) { WriteFault(w, NotFound()) }
	r.NotFound(nothing)
	r.MethodNotAllowed(func(w http.ResponseWriter, q *http.Request) {
		allow := allowed(r, q.URL.Path)
		if allow == "" {
			nothing(w, q)
			return
		}
		w.Header().Set("Allow", allow)
		WriteFault(w, WrongMethod())
	})
	return r
}

// allowed is the value of the Allow header for a path; empty where there is none.
func allowed(r chi.Routes, path string) string {
	var taken []string
	for _, method := range methods {
		if r.Match(chi.NewRouteContext(), method, path) {
			taken = append(taken, method)
		}
	}
	return strings.Join(taken, ", ")
}

// Read has a router answer GET and HEAD of a path.
func Read(r chi.Router, path string, answer http.HandlerFunc) {
	r.Get(path, answer)
	r.Head(path, answer)
}

package edge

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Paths answers each path by its own handler, and every other with a fault.
type Paths map[string]http.Handler

// ServeHTTP takes a path as it is, unlike http.ServeMux, which sends callers elsewhere when it is not clean.
func (p Paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler, found := p[r.URL.Path]; found {
		handler.ServeHTTP(w, r)
		return
	}
	WriteFault(w, NotFound())
}

// Methods answers one path by the method of the request, and any other method, also one that nobody has heard of,
// with a fault.
type Methods map[string]http.HandlerFunc

// Reading is a path that can only be read.
func Reading(read http.HandlerFunc) Methods {
	return Methods{http.MethodGet: read, http.MethodHead: read}
}

// ServeHTTP calls the handler of the method.
func (m Methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler, found := m[r.Method]; found {
		handler(w, r)
		return
	}
	w.Header().Set("Allow", m.Allow())
	WriteFault(w, WrongMethod())
}

// Allow is the value of the Allow header.
func (m Methods) Allow() string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

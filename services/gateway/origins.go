package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// origins are the pages that may connect; none means any (RFC 6454 section 6.2 writes them).
type origins struct{ list []string }

func newOrigins(list []string) origins { return origins{list: list} }

// allowed says whether a request may come from where it says. A request without an Origin is no browser's.
func (o origins) allowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || len(o.list) == 0 || slices.Contains(o.list, strings.ToLower(origin))
}

// headers adds the headers of cross-origin requests (Fetch standard, section "HTTP extensions") and answers preflights.
func (o origins) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && o.allowed(r) {
			h := w.Header()
			h.Add("Vary", "Origin")
			if len(o.list) == 0 {
				h.Set("Access-Control-Allow-Origin", "*")
			} else {
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Allow-Credentials", "true")
			}
		}
		if r.Method == http.MethodOptions {
			h := w.Header()
			h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Requested-With, Cache-Control, Last-Event-ID")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

package access

import (
	"net/http"
	"slices"
)

// Origins says which pages' scripts may read the answers (the CORS protocol of the Fetch standard). It keeps nobody
// out: that is for browsers to do.
type Origins struct{ allowed []string }

// NewOrigins takes origins as browsers send them; none means any.
func NewOrigins(allowed []string) Origins { return Origins{allowed: allowed} }

// Allow writes the headers that every answer has.
func (o Origins) Allow(h http.Header, r *http.Request) {
	if len(o.allowed) == 0 {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); slices.Contains(o.allowed, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
	}
}

// Preflight writes the headers of the answer to OPTIONS, beside those of Allow.
func (o Origins) Preflight(h http.Header, methods string) {
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Content-Type, X-Channelstream-Secret, X-Requested-With, Cache-Control, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "86400")
}

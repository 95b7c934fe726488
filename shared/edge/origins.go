package edge

import (
	"net/http"
	"slices"
	"strings"
)

// Origins says which pages' scripts may read the answers (the CORS protocol of the Fetch standard), and which pages
// may open a socket, for which browsers ask nobody. A request without an Origin is no page's.
type Origins struct {
	allowed     []string
	credentials bool
}

// NewOrigins takes origins as browsers send them, in lower case (RFC 6454 section 6.2); none means any.
func NewOrigins(allowed []string) Origins { return Origins{allowed: allowed} }

// WithCredentials also lets the scripts of named origins send credentials. It is for paths where no cookie decides
// anything.
func (o Origins) WithCredentials() Origins {
	o.credentials = true
	return o
}

// Admits says whether a request may come from where it says.
func (o Origins) Admits(r *http.Request) bool {
	return len(o.allowed) == 0 || r.Header.Get("Origin") == "" || o.names(r)
}

func (o Origins) names(r *http.Request) bool {
	return slices.Contains(o.allowed, strings.ToLower(r.Header.Get("Origin")))
}

// Allow writes the headers that every answer has.
func (o Origins) Allow(h http.Header, r *http.Request) {
	if len(o.allowed) == 0 {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Add("Vary", "Origin")
	if !o.names(r) {
		return
	}
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	if o.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// Preflight answers OPTIONS for a path with these methods, beside the headers of Allow.
func (o Origins) Preflight(w http.ResponseWriter, methods string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Channelstream-Secret, X-Requested-With, Cache-Control, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

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

// WithCredentials also lets the scripts of allowed origins send credentials, and headers of their own. It is for paths where
// no cookie decides anything, and no header but what a page may say of itself. Some clients always send credentials, and
// browsers take no "*" for an answer then: so the origin is named, also where all are allowed (Fetch, section "CORS protocol
// and credentials").
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
	if len(o.allowed) == 0 && !o.credentials {
		h["Access-Control-Allow-Origin"] = anyOrigin
		return
	}
	h.Add("Vary", "Origin")
	if r.Header.Get("Origin") == "" || !o.Admits(r) {
		return
	}
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	if o.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
}

// usualHeaders are those that scripts may send to any path.
const usualHeaders = "Content-Type, Authorization, X-Channelstream-Secret, X-Requested-With, Cache-Control, Last-Event-ID"

// Preflight answers OPTIONS for a path with these methods, beside the headers of Allow.
func (o Origins) Preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	headers := usualHeaders
	if asked := r.Header.Get("Access-Control-Request-Headers"); o.credentials && areHeaders(asked) {
		h.Add("Vary", "Access-Control-Request-Headers")
		headers = asked
	}
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", headers)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// mostHeaders is how long a list of names of headers may be.
const mostHeaders = 1 << 10

// areHeaders says whether a text is a list of names of headers, as browsers ask for them (RFC 9110 section 5.6.2: tokens).
func areHeaders(list string) bool {
	if len(list) > mostHeaders {
		return false
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsFunc(name, notInToken) {
			return false
		}
	}
	return true
}

func notInToken(r rune) bool {
	switch {
	case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

package stockclient

import (
	"bytes"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// ServeHTTP answers with the script that the last part of the path names, of the version in the query.
func (s *Shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.find(r.URL.Query().Get("v"))
	if c == nil {
		edge.WriteFault(w, s.none())
		return
	}
	one := c.scripts[path.Base(r.URL.Path)]
	if one == nil {
		edge.WriteFault(w, edge.NotFound())
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	text, etag := one.text, one.etag
	if takesGzip(r) && len(one.packed()) > 0 {
		h.Set("Content-Encoding", "gzip")
		text, etag = one.packed(), etag+"-gzip"
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// takesGzip says whether a client takes gzip without a second thought.
func takesGzip(r *http.Request) bool {
	for list := range slices.Values(r.Header.Values("Accept-Encoding")) {
		for coding := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(coding) == "gzip" {
				return true
			}
		}
	}
	return false
}

// none is the fault for a version that is not there.
func (s *Shelf) none() *contract.Fault {
	if len(s.clients) == 0 {
		return &contract.Fault{Code: contract.CodeNotFound, Message: "This server has no Socket.IO client: it was built without Node and npm, from where clients come. " +
			"Build it with them (make socketio-client), or load the client from elsewhere."}
	}
	var versions []string
	for _, c := range s.clients {
		versions = append(versions, c.version)
	}
	return &contract.Fault{Code: contract.CodeNotFound, Message: "There is no Socket.IO client of this version here. There are " + strings.Join(versions, ", ") + "."}
}

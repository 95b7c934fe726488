package admin

import (
	"io"
	"net/http"
	"strings"

	"github.com/channelstream/channelstream/shared/edge"
)

// Explorer is the description of the API, on a page on which requests can be tried.
type Explorer interface {
	// Page gives the page for a session, whose requests carry its token, and what a browser may do with it.
	Page(r *http.Request, token string) (page []byte, policy string, err error)
	// Sign gives the signature of a path, which callers know by another name where the server is below one. It does so for paths that
	// there are.
	Sign(path, known string) (signature string, found bool)
}

func (p *Page) explorer(w http.ResponseWriter, r *http.Request) {
	page, policy, err := p.config.Explorer.Page(r, p.sessions.token(sessionOf(r)))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // the browser has gone
}

// signature signs one request for the explorer.
func (p *Page) signature(w http.ResponseWriter, r *http.Request) {
	path := r.PostForm.Get("path")
	known, below := strings.CutPrefix(path, baseOf(r))
	signature, found := p.config.Explorer.Sign(path, known)
	if !below || !found {
		edge.WriteFault(w, edge.NotFound())
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, signature) // as above
}

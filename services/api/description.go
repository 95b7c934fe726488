package api

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/channelstream/channelstream/services/api/description"
	"github.com/channelstream/channelstream/services/api/internal/explorer"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// described serves what the API is, for machines and for people.
type described struct {
	// set at construction
	open      bool     // to everybody
	public    *url.URL // where callers reach the server; nil: where they ask
	transport edge.Transport
	http      *description.Document
	clients   *description.Document
	explorer  *explorer.Explorer
}

func newDescribed(s settings.Settings) (*described, error) {
	page, err := explorer.New()
	if err != nil {
		return nil, err
	}
	d := &described{
		open: s.Access.PublicDescription, transport: edge.NewTransport(s.Access),
		http: description.OpenAPI(), clients: description.AsyncAPI(), explorer: page,
	}
	if s.Listen.PublicURL != "" {
		d.public, _ = url.Parse(strings.TrimRight(s.Listen.PublicURL, "/")) // the settings have parsed it
	}
	return d, nil
}

func (d *described) openAPIYAML(r *http.Request, _ []byte) (any, error) {
	text, err := d.http.YAML(d.below(r, "/openapi.yaml"))
	return document{kind: "application/yaml; charset=utf-8", text: text}, err
}

func (d *described) openAPIJSON(r *http.Request, _ []byte) (any, error) {
	return d.http.JSON(d.below(r, "/openapi.json"))
}

func (d *described) asyncAPIYAML(r *http.Request, _ []byte) (any, error) {
	text, err := d.clients.YAML(d.at(r, "/asyncapi.yaml"))
	return document{kind: "application/yaml; charset=utf-8", text: text}, err
}

func (d *described) asyncAPIJSON(r *http.Request, _ []byte) (any, error) {
	return d.clients.JSON(d.at(r, "/asyncapi.json"))
}

// page is the explorer. The document stands in it, so that one signature is enough for both.
func (d *described) page(r *http.Request, _ []byte) (any, error) {
	text, err := d.http.JSON(d.below(r, "/api-explorer"))
	if err == nil {
		text, err = d.explorer.Page(explorer.View{Document: text, Files: "api-explorer"})
	}
	return document{kind: "text/html; charset=utf-8", text: text, header: http.Header{
		"Content-Security-Policy": {explorer.Policy},
		"Referrer-Policy":         {"no-referrer"}, // a signature may stand in its URL
		"Cache-Control":           {"no-store"},
	}}, err
}

// signed is page for a session of the admin page, whose requests go to where the page came from.
func (d *described) signed(r *http.Request, token string) ([]byte, error) {
	text, err := d.http.JSON(base(r, "/admin/ui/explorer"))
	if err != nil {
		return nil, err
	}
	return d.explorer.Page(explorer.View{Document: text, Files: "../../api-explorer", Token: token})
}

// file serves a file that the explorer needs. It is the same for everybody everywhere, and no secret.
func (d *described) file(f explorer.File) func(*http.Request, []byte) (any, error) {
	return func(r *http.Request, _ []byte) (any, error) {
		text, packed, err := f.Read(strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"))
		header := http.Header{"Cache-Control": {"max-age=3600"}, "Vary": {"Accept-Encoding"}}
		if packed {
			header.Set("Content-Encoding", "gzip")
		}
		return document{kind: f.Kind, text: text, header: header}, err
	}
}

// below is where the paths of the server begin for a caller. It has no host where nobody has configured one: what serves the
// document serves them, whatever the proxies between it and the caller are called.
func (d *described) below(r *http.Request, route string) *url.URL {
	if d.public != nil {
		return d.public
	}
	return base(r, route)
}

func base(r *http.Request, route string) *url.URL {
	return &url.URL{Path: cmp.Or(strings.TrimSuffix(edge.PathOf(r), route), "/")}
}

// at is where clients reach the server: where the caller does, unless it is configured.
func (d *described) at(r *http.Request, route string) *url.URL {
	if d.public != nil {
		return d.public
	}
	at := d.below(r, route)
	at.Scheme, at.Host = "http", r.Host
	if d.transport.Secure(r) {
		at.Scheme = "https"
	}
	return at
}

// document is an answer that is not JSON.
type document struct {
	kind   string // media type
	text   []byte
	header http.Header // more of it
}

func (d document) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range d.header {
		h[name] = append(h[name], values...)
	}
	h.Set("Content-Type", d.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(d.text) //nolint:errcheck // the caller has gone then
}

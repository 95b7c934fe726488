package channelstream

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"net/http"

	"github.com/channelstream/channelstream/shared/edge"
)

//go:embed assets/index.html
var indexPage string

// docs is where people read on.
const docs = "https://github.com/channelstream/channelstream"

// index is the page at the root, for people who open the server in a browser: what it is, and where to go from here.
func (s *Service) index(demo bool) (http.Handler, error) {
	page, err := template.New("index").Parse(indexPage)
	if err != nil {
		return nil, fmt.Errorf("make the page at /: %w", err)
	}
	base := s.config.Settings.Listen.BasePath
	if base == "" {
		base = "." // below whatever a proxy has taken off
	}
	var text bytes.Buffer
	err = page.Execute(&text, struct {
		Demo, Health, Admin bool
		Base, Docs, Version string
	}{Demo: demo, Health: s.config.Settings.Operator.Port == 0,
		Admin: s.config.Settings.Operator.Port == 0 && s.config.Settings.Access.AdminSecret != "", Base: base, Docs: docs, Version: s.config.Version})
	if err != nil {
		return nil, fmt.Errorf("make the page at /: %w", err)
	}
	r := edge.NewRouter()
	edge.Read(r, "/", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		w.Write(text.Bytes()) //nolint:errcheck // the browser has gone then
	})
	return edge.NewTransport(s.config.Settings.Access).Guard(r), nil
}

// Package explorer is a page on which people read the description of the API and try it: Swagger UI, served from here with all
// that it needs. The page asks nobody else for anything, and is allowed to do nothing that it does not need.
package explorer

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"

	"github.com/swaggest/swgui/v5/static"
)

// Policy is the Content-Security-Policy of the page: its own files and requests to its own server.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed assets
var assets embed.FS

// Explorer is the page and its files. It is safe for use by many goroutines.
type Explorer struct {
	page *template.Template
}

// New reads the page.
func New() (*Explorer, error) {
	page, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("read the page of the explorer: %w", err)
	}
	return &Explorer{page: page}, nil
}

// View is what the page shows.
type View struct {
	Document []byte // in JSON, in which < is escaped as json.Marshal does it
	Files    string // path of the files, seen from the page
	Token    string // with which the page asks for signatures, at "signature" beside it; empty: its reader signs
}

// JSON is the document for the page.
func (v View) JSON() template.JS { return template.JS(v.Document) } //nolint:gosec // it is our own

// Page writes the page.
func (e *Explorer) Page(v View) ([]byte, error) {
	var text bytes.Buffer
	if err := e.page.Execute(&text, v); err != nil {
		return nil, fmt.Errorf("write the page of the explorer: %w", err)
	}
	return text.Bytes(), nil
}

// File is a file that the page needs.
type File struct {
	Name, Kind string // its media type
	packed     bool
}

// Files are those that the page needs.
func Files() []File {
	return []File{
		{"swagger-ui-bundle.js", "text/javascript; charset=utf-8", true},
		{"swagger-ui.css", "text/css; charset=utf-8", true},
		{"favicon-32x32.png", "image/png", false},
		{"explorer.js", "text/javascript; charset=utf-8", false},
		{"explorer.css", "text/css; charset=utf-8", false},
	}
}

// Read gives what is in a file, packed by gzip if that is wanted and it is there so.
func (f File) Read(pack bool) (text []byte, packed bool, err error) {
	if !f.packed {
		text, err = fs.ReadFile(assets, path.Join("assets", f.Name))
		if err != nil {
			text, err = fs.ReadFile(static.FS, f.Name)
		}
		return text, false, wrap(f, err)
	}
	if text, err = fs.ReadFile(static.FS, f.Name+".gz"); err != nil || pack {
		return text, pack, wrap(f, err)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, false, wrap(f, err)
	}
	text, err = io.ReadAll(unpacked)
	return text, false, wrap(f, err)
}

func wrap(f File, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s of the explorer: %w", f.Name, err)
}

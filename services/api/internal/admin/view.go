package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/explain"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

//go:embed templates
var templates embed.FS

//go:embed assets
var assets embed.FS

// views are the pages, each with what frames it.
type views struct{ pages map[string]*template.Template }

func readViews() (*views, error) {
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("find templates: %w", err)
	}
	v := &views{pages: map[string]*template.Template{}}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		page, err := template.New(name).Funcs(words).ParseFS(templates, "templates/frame.html", "templates/parts.html", file)
		if err != nil {
			return nil, fmt.Errorf("read the template %s: %w", name, err)
		}
		v.pages[name] = page
	}
	return v, nil
}

// words are the functions that templates call.
var words = template.FuncMap{
	"count":  func(n int) string { return grouped(uint64(max(n, 0))) }, //nolint:gosec // not below 0
	"total":  grouped,
	"size":   sizeOf,
	"time":   func(text string) string { return strings.Replace(cutFraction(text), "T", " ", 1) },
	"iso":    func(text string) string { return cutFraction(text) + "Z" },
	"ago":    ago,
	"share":  share,
	"status": statusOf,
	"words":  func(v explain.Verdict) string { return strings.ReplaceAll(string(v), "_", " ") },
	"text":   func(raw json.RawMessage) string { return string(raw) },
}

func cutFraction(text string) string {
	whole, _, _ := strings.Cut(text, ".")
	return whole
}

// sizeOf writes a number of bytes for people.
func sizeOf(bytes uint64) string {
	const kilo = 1024
	value, unit := float64(bytes), "bytes"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < kilo {
			break
		}
		value, unit = value/kilo, next
	}
	return short(value) + " " + unit
}

// ago writes how long ago a time of the API was.
func ago(text string) string {
	at, err := time.Parse(contract.TimestampLayout, text)
	if err != nil {
		return "–"
	}
	switch d := time.Since(at); {
	case d < 2*time.Second:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours())/24)
	}
}

// share is how many percent a part is of the whole, 100 at most.
func share(part, whole uint64) int {
	if whole == 0 {
		return 0
	}
	return int(min(100*float64(part)/float64(whole), 100))
}

// statusOf names the statuses that have names.
func statusOf(status int) string {
	if names := []string{"offline", "online", "away", "hidden", "busy"}; status >= 0 && status < len(names) {
		return names[status]
	}
	return fmt.Sprint(status)
}

// frame is what every page has.
type frame struct {
	View, Title, Version string
	Base                 string // before every path
	User, Token          string // of the session; "" before the sign-in
	Done                 string // what was done by the form before
	Explorer             bool   // there is one
	Data                 any
}

// done is what a page says after a form has done something, by the word in its address.
var done = map[string]string{
	"saved":        "The settings are saved, and in force.",
	"posted":       "The message is posted.",
	"disconnected": "The connection is closed.",
	"gone":         "There was no such connection any more.",
	"all":          "All connections of the user are closed.",
}

// show answers with a page.
func (p *Page) show(w http.ResponseWriter, r *http.Request, status int, view, title string, data any) {
	f := frame{
		View: view, Title: title, Version: p.config.Version, Base: baseOf(r), Done: done[r.URL.Query().Get("done")], Data: data,
		Explorer: p.config.Explorer != nil,
	}
	if v := sessionOf(r); v.Nonce != "" {
		f.User, f.Token = v.User, p.sessions.token(v)
	}
	p.write(w, r, status, view, "frame", f)
}

// write executes a template of a view whole before anything is sent.
func (p *Page) write(w http.ResponseWriter, r *http.Request, status int, view, name string, data any) {
	var text bytes.Buffer
	if err := p.views.pages[view].ExecuteTemplate(&text, name, data); err != nil {
		p.log.ErrorContext(r.Context(), "a page could not be made", "view", view, "error", err)
		edge.WriteFault(w, edge.Internal())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the browser has gone
}

// refuse says on a page why something was not done.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	p.show(w, r, status, "fault", http.StatusText(status), sentence)
}

// fail answers an error.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, sentences := p.judge(r, err)
	p.refuse(w, r, status, strings.Join(sentences, " "))
}

// judge says what an operator may know of an error, and logs what is ours.
func (p *Page) judge(r *http.Request, err error) (status int, sentences []string) {
	var fault *contract.Fault
	switch {
	case errors.As(err, &fault) && len(fault.Fields) > 0:
		for field, said := range fault.Fields {
			sentences = append(sentences, field[strings.LastIndex(field, ".")+1:]+": "+strings.Join(said, " "))
		}
		slices.Sort(sentences)
		return fault.Code.HTTPStatus(), sentences
	case errors.As(err, &fault):
		return fault.Code.HTTPStatus(), []string{fault.Message}
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, []string{"NATS or presence does not answer. Try again in a moment."}
	}
	p.log.ErrorContext(r.Context(), "a page of the admin could not be made", "error", err)
	return http.StatusInternalServerError, []string{"The server failed; its log says why."}
}

// file is one embedded file, ready to be served.
type file struct {
	data       []byte
	kind, etag string
}

func readFiles() (map[string]file, error) {
	entries, err := fs.ReadDir(assets, "assets")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	files := map[string]file{}
	for _, entry := range entries {
		data, err := fs.ReadFile(assets, "assets/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read an asset: %w", err)
		}
		sum := sha256.Sum256(data)
		files[entry.Name()] = file{data: data, kind: mime.TypeByExtension(path.Ext(entry.Name())), etag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	}
	return files, nil
}

// file answers with an embedded file, which a browser may keep and asks for again each time.
func (p *Page) file(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	f := p.files[name]
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.etag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.data))
}

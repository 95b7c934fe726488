package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// assets holds the page. The stock Socket.IO client comes from the gateway.
//
//go:embed assets
var assets embed.FS

const (
	assetsFolder = "assets"
	assetsPath   = "/demo/assets/"
	pageFile     = "index.html"
)

// file is one embedded file, ready to be served.
type file struct {
	data []byte
	kind string
	etag string
}

// files by their path below assets.
type files map[string]file

func readFiles(from fs.FS) (files, error) {
	all := make(files)
	err := fs.WalkDir(from, assetsFolder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		sum := sha256.Sum256(data)
		all[strings.TrimPrefix(name, assetsFolder+"/")] = file{
			data: data, kind: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:16]) + `"`,
		}
		return nil
	})
	return all, err
}

// toPage sends /demo to /demo/, relative to where it is, so that a proxy may put it below another path.
func (d *Demo) toPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "demo/")
	w.WriteHeader(http.StatusMovedPermanently)
}

func (d *Demo) page(w http.ResponseWriter, r *http.Request) { d.serve(w, r, pageFile) }

func (d *Demo) asset(w http.ResponseWriter, r *http.Request) {
	d.serve(w, r, strings.TrimPrefix(r.URL.Path, assetsPath))
}

// serve answers with a file that is there.
func (d *Demo) serve(w http.ResponseWriter, r *http.Request, name string) {
	f := d.files[name]
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache") // asked again each time, answered 304 by the ETag
	w.Header().Set("ETag", f.etag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.data))
}

// policy is the Content-Security-Policy of the page: its own files and requests, and the gateway.
func (d *Demo) policy() string {
	const own = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
	if d.gateway == "" {
		return own
	}
	scheme, rest, _ := strings.Cut(d.gateway, "://")
	host, _, _ := strings.Cut(rest, "/")
	origin, socket := scheme+"://"+host, strings.Replace(scheme, "http", "ws", 1)+"://"+host
	return fmt.Sprintf("%s; script-src 'self' %s; connect-src 'self' %s %s", own, origin, origin, socket)
}

// secure puts on every answer what keeps a browser from doing more with it than was meant.
func secure(policy string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

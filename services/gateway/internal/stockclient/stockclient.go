// Package stockclient serves the stock Socket.IO clients for browsers, which pages of every age expect beside the sockets:
//
//	GET /socket.io/socket.io.js            the newest
//	GET /socket.io/socket.io.min.js?v=2    the newest of a version: 0.9, 1, 2, 3, 4, or 2.5.0
//
// They are no part of the project: fetch.mjs puts them into files/ before the build, which has those that are there. Each is
// served with its licence at its head.
package stockclient

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed files
var embedded embed.FS

// Embedded is what the build has.
func Embedded() fs.FS {
	files, _ := fs.Sub(embedded, "files") // which is there: it is embedded
	return files
}

// The names of the two forms of a client, in its folder as below the path of Socket.IO.
const (
	Full = "socket.io.js"
	Min  = "socket.io.min.js"
)

// Shelf is the clients that can be had.
type Shelf struct {
	clients []client // the newest first
}

// client is one version.
type client struct {
	version string
	scripts map[string]*script // by name
}

// script is a file, ready to be served. It is packed when somebody first takes it so.
type script struct {
	text   []byte
	etag   string
	packed func() []byte
}

// New makes a shelf of a folder with a folder for each version.
func New(files fs.FS) (*Shelf, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read the stock clients: %w", err)
	}
	s := &Shelf{}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		c, err := read(files, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the stock client %s: %w", entry.Name(), err)
		}
		s.clients = append(s.clients, c)
	}
	slices.SortFunc(s.clients, func(a, b client) int { return slices.Compare(numbers(b.version), numbers(a.version)) })
	return s, nil
}

// numbers are the parts of a version.
func numbers(version string) (list []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // what is no number is old
		list = append(list, n)
	}
	return list
}

func read(files fs.FS, version string) (client, error) {
	c := client{version: version, scripts: map[string]*script{}}
	licence, err := fs.ReadFile(files, path.Join(version, "LICENCE"))
	if err != nil {
		return c, err
	}
	for _, name := range []string{Full, Min} {
		text, err := fs.ReadFile(files, path.Join(version, name))
		if err != nil {
			return c, err
		}
		c.scripts[name] = newScript(append(notice(version, licence), text...))
	}
	return c, nil
}

// notice is a comment with the licence, which scripts keep at their head.
func notice(version string, licence []byte) []byte {
	licence = bytes.ReplaceAll(bytes.TrimSpace(licence), []byte("*/"), []byte("* /"))
	return fmt.Appendf(nil, "/*! socket.io-client %s, https://www.npmjs.com/package/socket.io-client/v/%s\n\n%s\n*/\n", version, version, licence)
}

func newScript(text []byte) *script {
	sum := sha256.Sum256(text)
	return &script{text: text, etag: hex.EncodeToString(sum[:16]), packed: sync.OnceValue(func() []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err == nil {
			_, err = w.Write(text)
		}
		if errors.Join(err, w.Close()) != nil { // memory takes everything
			return nil
		}
		return b.Bytes()
	})}
}

// find gives the newest client of a version, which may be the beginning of one; the newest of all for "".
func (s *Shelf) find(version string) *client {
	for i, c := range s.clients {
		if version == "" || c.version == version || strings.HasPrefix(c.version, version+".") {
			return &s.clients[i]
		}
	}
	return nil
}

package stockclient

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf holds made-up clients.
func shelf(t *testing.T, versions ...string) *Shelf {
	t.Helper()
	files := fstest.MapFS{"README": {Data: []byte("no client")}}
	for _, v := range versions {
		files[v+"/LICENCE"] = &fstest.MapFile{Data: []byte("Permission of " + v + " */ and more\n")}
		files[v+"/socket.io.js"] = &fstest.MapFile{Data: []byte("full = '" + v + "'" + strings.Repeat(" ", 1000))}
		files[v+"/socket.io.min.js"] = &fstest.MapFile{Data: []byte("min='" + v + "'")}
	}
	s, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s *Shelf, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAVersionIsTheNewestThatBeginsSo(t *testing.T) {
	t.Parallel()
	s := shelf(t, "0.9.17", "1.7.4", "2.5.0", "2.10.0", "4.8.4")
	for query, want := range map[string]string{
		"": "4.8.4", "?v=": "4.8.4", "?v=4": "4.8.4", "?v=4.8.4": "4.8.4", "?v=0.9": "0.9.17", "?v=0": "0.9.17", "?v=1": "1.7.4",
		"?v=2": "2.10.0", "?v=2.5": "2.5.0", "?t=17": "4.8.4",
	} {
		if w := get(s, "/socket.io/socket.io.js"+query); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\nfull = '"+want+"'") {
			t.Errorf("%s: %d %.100s", query, w.Code, w.Body)
		}
		if w := get(s, "/socket.io/socket.io.min.js"+query); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\nmin='"+want+"'") {
			t.Errorf("%s: %d %.100s", query, w.Code, w.Body)
		}
	}
	for _, query := range []string{"?v=3", "?v=5", "?v=4.", "?v=1.7.40", "?v=..", "?v=%00"} {
		if w := get(s, "/socket.io/socket.io.js"+query); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "There are 4.8.4, 2.10.0, 2.5.0, 1.7.4, 0.9.17.") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestAScriptBeginsWithItsLicence(t *testing.T) {
	t.Parallel()
	head, _, closed := strings.Cut(get(shelf(t, "2.5.0"), "/socket.io/socket.io.js").Body.String(), "*/")
	if !closed || !strings.HasPrefix(head, "/*! socket.io-client 2.5.0, https://") || !strings.Contains(head, "Permission of 2.5.0 * / and more") {
		t.Errorf("it begins with %q", head)
	}
}

func TestAScriptIsKeptByBrowsersAndComesPacked(t *testing.T) {
	t.Parallel()
	s := shelf(t, "4.8.4")
	plain, packed := get(s, "/socket.io/socket.io.js"), get(s, "/socket.io/socket.io.js", "Accept-Encoding", "br, gzip")
	unpacked, err := gzip.NewReader(bytes.NewReader(packed.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil || !bytes.Equal(text, plain.Body.Bytes()) || packed.Body.Len() >= plain.Body.Len() || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes packed of %d, %v, %v", packed.Body.Len(), plain.Body.Len(), packed.Header(), err)
	}
	if plain.Header().Get("ETag") == packed.Header().Get("ETag") || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("two answers are one to a cache: %v, %v", plain.Header(), packed.Header())
	}
	for _, w := range []*httptest.ResponseRecorder{plain, packed} {
		h := w.Header()
		if h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Cache-Control") != "public, max-age=3600" || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%v", h)
		}
		again := get(s, "/socket.io/socket.io.js", "Accept-Encoding", h.Get("Content-Encoding"), "If-None-Match", h.Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("asked again: %d", again.Code)
		}
	}
	if w := get(s, "/socket.io/socket.io.js", "Accept-Encoding", "gzip;q=0, identity"); w.Header().Get("Content-Encoding") != "" {
		t.Error("it is packed for one that does not take that")
	}
}

func TestABuildWithoutClientsSaysWhy(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "?v=4"} {
		if w := get(shelf(t), "/socket.io/socket.io.js"+query); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "built without Node and npm") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

func TestAClientWithoutItsLicenceIsNotServed(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"LICENCE", "socket.io.js", "socket.io.min.js"} {
		files := fstest.MapFS{}
		for _, name := range []string{"LICENCE", "socket.io.js", "socket.io.min.js"} {
			if name != missing {
				files["4.8.4/"+name] = &fstest.MapFile{Data: []byte("x")}
			}
		}
		if s, err := New(files); err == nil {
			t.Errorf("without %s: %v", missing, s)
		}
	}
}

// The build that is tested has either no client, or all that packages.json names.
func TestTheBuildHasWhatItsListSays(t *testing.T) {
	t.Parallel()
	s, err := New(Embedded())
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(Embedded(), "packages.json")
	if (err == nil) != (len(s.clients) > 0) {
		t.Fatalf("%d clients, and their list: %v", len(s.clients), err)
	}
	var list []struct{ Version string }
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err == nil && len(list) != len(s.clients) {
		t.Errorf("%d clients, %d in their list", len(s.clients), len(list))
	}
	for _, one := range list {
		if w := get(s, "/socket.io/socket.io.min.js?v="+one.Version); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Permission is hereby granted") {
			t.Errorf("%s: %d", one.Version, w.Code)
		}
	}
}

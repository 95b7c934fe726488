package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/api/internal/explorer"
)

func TestTheExplorerIsForWhoMayReadTheDocument(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.fault(s.do(request(http.MethodGet, "/api-explorer", "")), http.StatusForbidden)
	w := s.do(signed(http.MethodGet, "/api-explorer", ""))
	page := s.want(w, http.StatusOK)
	if kind := w.Header().Get("Content-Type"); kind != "text/html; charset=utf-8" {
		t.Errorf("the page is %s", kind)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": explorer.Policy, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	_, rest, _ := strings.Cut(page, `id="document">`)
	text, _, _ := strings.Cut(rest, "</script>")
	var document struct {
		OpenAPI string `json:"openapi"`
		Servers []struct{ URL string }
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil || document.OpenAPI == "" || document.Servers[0].URL != "/" {
		t.Errorf("the page holds %.200s: %v", text, err)
	}
}

// What the page needs comes from here, and what it may load is what comes from here.
func TestTheExplorerHasAllItsFiles(t *testing.T) {
	t.Parallel()
	s := start(t)
	page := s.want(s.do(signed(http.MethodGet, "/api-explorer", "")), http.StatusOK)
	page, _, _ = strings.Cut(page, `id="document">`)
	names := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(names) < 3 {
		t.Fatalf("the page names %q", names)
	}
	for _, name := range append(names, []string{"", "api-explorer/swagger-ui-bundle.js"}, []string{"", "api-explorer/explorer.js"}) {
		stranger := request(http.MethodGet, "/"+name[1], "")
		stranger.RemoteAddr = "198.51.100.1:1"
		w := s.do(stranger)
		plain := s.want(w, http.StatusOK)
		if w.Header().Get("Content-Encoding") != "" || len(plain) < 100 {
			t.Errorf("%s is %q, and %d bytes", name[1], w.Header().Get("Content-Encoding"), len(plain))
		}
		stranger.Header.Set("Accept-Encoding", "gzip")
		w = s.do(stranger)
		packed := []byte(s.want(w, http.StatusOK))
		if w.Header().Get("Content-Encoding") == "gzip" {
			if r, err := gzip.NewReader(bytes.NewReader(packed)); err != nil {
				t.Errorf("%s: %v", name[1], err)
			} else if packed, err = io.ReadAll(r); err != nil {
				t.Errorf("%s: %v", name[1], err)
			}
		}
		if string(packed) != plain {
			t.Errorf("%s differs when it is packed", name[1])
		}
	}
	s.fault(s.do(request(http.MethodGet, "/api-explorer/swagger-ui.js", "")), http.StatusNotFound)
}

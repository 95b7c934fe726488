package demo

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, cfg Config, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

var local = Config{APIURL: "http://127.0.0.1:8000", Secret: testSecret}

func TestPageAndItsFiles(t *testing.T) {
	t.Parallel()
	w := get(t, local, "/demo/", http.Header{})
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("status %d, %v", w.Code, w.Header())
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		if file := get(t, local, "/demo/"+link[1], http.Header{}); file.Code != http.StatusOK {
			t.Errorf("%s: status %d", link[1], file.Code)
		}
	}
	same := get(t, local, "/demo/", http.Header{"If-None-Match": {w.Header().Get("ETag")}})
	if same.Code != http.StatusNotModified {
		t.Errorf("asked again: status %d", same.Code)
	}
}

func TestDemoWithoutSlash(t *testing.T) {
	t.Parallel()
	w := get(t, local, "/demo", http.Header{})
	if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "demo/" {
		t.Errorf("status %d, location %q", w.Code, w.Header().Get("Location"))
	}
}

func TestNoOtherFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/demo/assets/", "/demo/assets/%2e%2e/demo.go", "/demo/x"} {
		if w := get(t, local, path, http.Header{}); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{
		"":                             "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
		"https://push.example.com/ws/": "script-src 'self' https://push.example.com; connect-src 'self' https://push.example.com wss://push.example.com",
		"http://127.0.0.1:8001":        "connect-src 'self' http://127.0.0.1:8001 ws://127.0.0.1:8001",
	} {
		cfg := local
		cfg.PublicURL = public
		got := get(t, cfg, "/demo/", http.Header{}).Header().Get("Content-Security-Policy")
		if !strings.Contains(got, want) {
			t.Errorf("%q: policy %q lacks %q", public, got, want)
		}
	}
}

// The policy forbids inline code and style; a page that has some would be broken without a word.
func TestPageKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:[^>]*)>[^<]|javascript:`)
	if found := inline.FindString(get(t, local, "/demo/", http.Header{}).Body.String()); found != "" {
		t.Errorf("inline code in the page: %q", found)
	}
	all, err := readFiles(assets)
	if err != nil {
		t.Fatal(err)
	}
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(`)
	for name, file := range all {
		if found := markup.Find(file.data); found != nil {
			t.Errorf("%s makes markup of text: %s", name, found)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no api":     {Secret: testSecret},
		"no secret":  {APIURL: local.APIURL},
		"bad public": {APIURL: local.APIURL, Secret: testSecret, PublicURL: "push.example.com"},
		"injection":  {APIURL: local.APIURL, Secret: testSecret, PublicURL: "https://a; script-src *"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

package edge

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

func TestOneOriginsAnswerForAll(t *testing.T) {
	t.Parallel()
	named := NewOrigins([]string{"https://a.example"})
	for _, c := range []struct {
		origins       Origins
		origin, allow string
		admits        bool
	}{
		{NewOrigins(nil), "https://a.example", "*", true},
		{NewOrigins(nil), "", "*", true},
		{named, "https://a.example", "https://a.example", true},
		{named, "https://A.example", "https://A.example", true},
		{named, "https://a.example.evil.test", "", false},
		{named, "http://a.example", "", false},
		{named, "null", "", false},
		{named, "", "", true}, // no page
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		h := http.Header{}
		c.origins.Allow(h, r)
		if got := h.Get("Access-Control-Allow-Origin"); got != c.allow || (h.Get("Vary") == "Origin") != (c.allow != "*") {
			t.Errorf("%v for %q: %v", c.origins, c.origin, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%v for %q lets credentials be sent", c.origins, c.origin)
		}
		if got := c.origins.Admits(r); got != c.admits {
			t.Errorf("%v admits %q: %v", c.origins, c.origin, got)
		}
	}
}

func TestCredentialsAreForOriginsThatAreNamedInTheAnswer(t *testing.T) {
	t.Parallel()
	some, every := NewOrigins([]string{"https://a.example"}).WithCredentials(), NewOrigins(nil).WithCredentials()
	for _, c := range []struct {
		origins     Origins
		origin      string
		allow, with string
	}{
		{some, "https://a.example", "https://a.example", "true"},
		{some, "https://b.example", "", ""},
		{some, "null", "", ""},
		{some, "", "", ""},
		{every, "https://a.example", "https://a.example", "true"},
		{every, "null", "null", "true"}, // a page from a file
		{every, "", "", ""},             // no page
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		h := http.Header{}
		c.origins.Allow(h, r)
		if h.Get("Access-Control-Allow-Origin") != c.allow || h.Get("Access-Control-Allow-Credentials") != c.with || h.Get("Vary") != "Origin" {
			t.Errorf("%v for %q: %v", c.origins, c.origin, h)
		}
	}
}

func TestAPreflightAllowsTheHeadersOfAPageWhereNoneDecidesAnything(t *testing.T) {
	t.Parallel()
	for asked, echoed := range map[string]bool{
		"x-tenant": true, "Authorization, x-my_own.header": true, "a,b": true, "": false, "x-a,": false, "x a": false, "x-a;b": false,
		"x-ä": false, strings.Repeat("x", 1025): false,
	} {
		r := httptest.NewRequest(http.MethodOptions, "/", nil)
		r.Header.Set("Access-Control-Request-Headers", asked)
		client, app := httptest.NewRecorder(), httptest.NewRecorder()
		NewOrigins(nil).WithCredentials().Preflight(client, r, "GET")
		NewOrigins(nil).Preflight(app, r, "GET")
		want := usualHeaders
		if echoed {
			want = asked
		}
		if got := client.Header().Get("Access-Control-Allow-Headers"); got != want {
			t.Errorf("%q: a client may send %q", asked, got)
		}
		if got := app.Header().Get("Access-Control-Allow-Headers"); got != usualHeaders {
			t.Errorf("%q: an app may send %q", asked, got)
		}
	}
}

func TestAGuardLetsOnlyTLSThrough(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	guard := NewTransport(settings.Access{EnforceHTTPS: true, TrustedProxies: proxies}).Guard(served)
	open := NewTransport(settings.Access{TrustedProxies: proxies}).Guard(served)
	for _, c := range []struct {
		from, proto string
		tls         *tls.ConnectionState
		want        int
	}{
		{"198.51.100.1:1", "", nil, http.StatusNotAcceptable},
		{"198.51.100.1:1", "https", nil, http.StatusNotAcceptable}, // a stranger's word
		{"10.0.0.1:1", "http", nil, http.StatusNotAcceptable},
		{"10.0.0.1:1", "https", nil, http.StatusTeapot},
		{"198.51.100.1:1", "", &tls.ConnectionState{}, http.StatusTeapot},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.TLS = c.from, c.tls
		r.Header.Set("X-Forwarded-Proto", c.proto)
		w := httptest.NewRecorder()
		guard.ServeHTTP(w, r)
		if w.Code != c.want || w.Code == http.StatusNotAcceptable && codeOf(t, w) != contract.CodeNotHTTPS {
			t.Errorf("from %s, %q: %d %s", c.from, c.proto, w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		if open.ServeHTTP(w, r); w.Code != http.StatusTeapot {
			t.Errorf("not enforced, from %s, %q: %d", c.from, c.proto, w.Code)
		}
	}
}

func codeOf(t *testing.T, w *httptest.ResponseRecorder) contract.Code {
	t.Helper()
	var fault contract.Fault
	if err := json.Unmarshal(w.Body.Bytes(), &fault); err != nil {
		t.Errorf("%s is no fault: %v", w.Body, err)
	}
	return fault.Code
}

func TestPathsAndMethodsThatAreNotThereAreFaults(t *testing.T) {
	t.Parallel()
	here := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	paths := NewRouter()
	Read(paths, "/read", here)
	paths.Post("/write", here)
	for _, c := range []struct {
		method, path string
		status       int
		code         contract.Code
		allow        string
	}{
		{"GET", "/read", http.StatusTeapot, "", ""},
		{"HEAD", "/read", http.StatusTeapot, "", ""},
		{"POST", "/read", http.StatusMethodNotAllowed, contract.CodeMethod, "GET, HEAD"},
		{"BREW", "/read", http.StatusMethodNotAllowed, contract.CodeMethod, "GET, HEAD"},
		{"GET", "/write", http.StatusMethodNotAllowed, contract.CodeMethod, "POST"},
		{"GET", "//read", http.StatusNotFound, contract.CodeNotFound, ""},
		{"BREW", "/elsewhere", http.StatusNotFound, contract.CodeNotFound, ""},
	} {
		w := httptest.NewRecorder()
		paths.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q", c.method, c.path, w.Code, w.Header().Get("Allow"))
		}
		if c.code != "" && codeOf(t, w) != c.code {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
	}
}

func TestOnlyAPackedBodyIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for encoding, refused := range map[string]bool{
		"": false, "identity": false, "Identity": false, "gzip": true, "br": true, "deflate, gzip": true, "identity, gzip": true,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Encoding", encoding)
		if fault := Encoding(r); (fault != nil) != refused {
			t.Errorf("%q: %v", encoding, fault)
		}
	}
}

func TestFaultsAndAnswersAreJSON(t *testing.T) {
	t.Parallel()
	for code, headers := range map[contract.Code][2]string{
		contract.CodeUnavailable: {"Retry-After", "1"}, contract.CodeEncoding: {"Accept-Encoding", "identity"}, contract.CodeNotFound: {"Retry-After", ""},
	} {
		w := httptest.NewRecorder()
		WriteFault(w, &contract.Fault{Code: code, Message: "No."})
		if w.Code != code.HTTPStatus() || codeOf(t, w) != code || w.Header().Get(headers[0]) != headers[1] {
			t.Errorf("%s: %d %v %s", code, w.Code, w.Header(), w.Body)
		}
	}
	for _, c := range []struct {
		answer any
		status int
		body   string
	}{
		{[]byte(`{"a": 1}`), http.StatusOK, `{"a": 1}`},
		{map[string]int{"a": 1}, http.StatusOK, `{"a":1}`},
		{func() {}, http.StatusInternalServerError, `{"code":"internal","error":"The server failed; its log says why."}`},
	} {
		w := httptest.NewRecorder()
		if err := WriteJSON(w, http.StatusOK, c.answer); (err != nil) != (c.status != http.StatusOK) {
			t.Errorf("%T: %v", c.answer, err)
		}
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%T: %d %v %s", c.answer, w.Code, w.Header(), w.Body)
		}
	}
}

func FuzzCaller(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.7, 198.51.100.1")
	f.Add("[::1]:1", "[2001:db8::1]:80,,")
	transport := NewTransport(settings.Access{TrustedProxies: proxies})
	f.Fuzz(func(t *testing.T, from, forwarded string) {
		r := &http.Request{RemoteAddr: from, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		caller := transport.Caller(r)
		if !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(remote(r)) }) && caller != remote(r) {
			t.Fatalf("%q by the word of %q became %v", from, forwarded, caller)
		}
	})
}

package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/explorer"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
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

func TestTheExplorerOfTheAdminPageSignsForWhoHasSignedIn(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	w := o.look("/admin/ui/explorer")
	page := o.want(w, http.StatusOK)
	if policy := w.Header().Values("Content-Security-Policy"); len(policy) != 1 || policy[0] != explorer.Policy {
		t.Errorf("the policy is %q", policy)
	}
	for _, part := range []string{`data-token="` + html.EscapeString(o.token) + `"`, `"url":"/"`, `src="../../api-explorer/explorer.js"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	r := request(http.MethodPost, "/info", `{"channels":["one"]}`)
	r.Header.Set("x-channelstream-secret", o.want(o.act("/admin/ui/signature", url.Values{"path": {"/info"}}), http.StatusOK))
	o.want(o.do(r), http.StatusOK)
	for _, path := range []string{"/nowhere", "/push/info", "alice", ""} {
		o.fault(o.act("/admin/ui/signature", url.Values{"path": {path}}), http.StatusNotFound)
	}
	for _, stranger := range []*http.Request{
		request(http.MethodGet, "/admin/ui/explorer", ""), form("/admin/ui/signature", url.Values{"path": {"/info"}}),
	} {
		if body := o.want(o.do(stranger), http.StatusFound); body != "" {
			t.Errorf("a stranger got %q", body)
		}
	}
	o.token = "another's"
	o.want(o.act("/admin/ui/signature", url.Values{"path": {"/info"}}), http.StatusForbidden)
}

func TestBelowAPathTheExplorerOfTheAdminPageSignsTheWholePath(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	below := edge.Below(settings.Settings{Listen: settings.Listen{BasePath: "/push"}}, o.service.Handler())
	r, w := form("/push/admin/ui/signature", url.Values{"path": {"/push/info"}, "token": {o.token}}), httptest.NewRecorder()
	r.AddCookie(o.cookie)
	below.ServeHTTP(w, r)
	if err := signature.NewVerifier([]string{secret}, time.Minute, time.Minute).VerifyRequest(o.want(w, http.StatusOK), "/push/info", time.Now()); err != nil {
		t.Errorf("it is no signature of the path: %v", err)
	}
}

// What is tried would be at another port than the page.
func TestOnAPortOfTheirOwnOperatorsTryNothing(t *testing.T) {
	t.Parallel()
	o := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret, "CHANNELSTREAM_OPERATOR_PORT=9000")
	w := httptest.NewRecorder()
	o.service.Pages().ServeHTTP(w, form("/admin/sign_in", credentials("admin", adminSecret)))
	cookie := w.Result().Cookies()[0]
	for path, status := range map[string]int{"/admin": http.StatusOK, "/admin/ui/explorer": http.StatusNotFound} {
		r, w := request(http.MethodGet, path, ""), httptest.NewRecorder()
		r.AddCookie(cookie)
		if o.service.Pages().ServeHTTP(w, r); w.Code != status || strings.Contains(w.Body.String(), "explorer") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

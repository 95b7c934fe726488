package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

var appPaths = []string{"/connect", "/subscribe", "/unsubscribe", "/message", "/user_status", "/user_state", "/info", "/channel_config", "/admin/explain"}

func TestTheAppsPathsNeedASignature(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range appPaths {
		s.fault(s.do(request(http.MethodPost, path, `{}`)), http.StatusForbidden)
		wrong := request(http.MethodPost, path, `{`)
		wrong.Header.Set("x-channelstream-secret", signature.Sign("wrong", path, time.Now()))
		if fault := s.fault(s.do(wrong), http.StatusUnauthorized); fault.Code != contract.CodeUnauthorized {
			t.Errorf("%s: %v", path, fault)
		}
	}
}

func TestChecksComeInOrder(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ENFORCE_HTTPS=true", "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1")
	r := request(http.MethodGet, "/connect", "{") // everything is wrong: the transport counts first
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	s.fault(s.do(r), http.StatusNotAcceptable)
	r.Header.Set("X-Forwarded-Proto", "https") // then the address
	r.Header.Set("x-channelstream-secret", "bad")
	s.fault(s.do(r), http.StatusForbidden)
	r.Header.Del("X-Forwarded-For") // then the signature
	s.fault(s.do(r), http.StatusUnauthorized)
	r.Header.Set("x-channelstream-secret", signature.Sign(secret, "/connect", time.Now())) // then the method
	s.fault(s.do(r), http.StatusMethodNotAllowed)
	r.Method = http.MethodPost // then the body
	s.fault(s.do(r), http.StatusBadRequest)
}

func TestAWrongMethodIsAnsweredWithAllow(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodGet, "/connect", "OPTIONS, POST"},
		{http.MethodPut, "/message", "DELETE, OPTIONS, PATCH, POST"},
		{http.MethodDelete, "/info", "GET, HEAD, OPTIONS, POST"},
		{"BREW", "/info", "GET, HEAD, OPTIONS, POST"},
		{http.MethodPatch, "/disconnect", "GET, HEAD, OPTIONS, POST"},
	} {
		w := s.do(signed(c.method, c.path, ""))
		if fault := s.fault(w, http.StatusMethodNotAllowed); fault.Code != contract.CodeMethod || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %v, Allow %q", c.method, c.path, fault, w.Header().Get("Allow"))
		}
	}
}

func TestAnUnknownPathIsNotFound(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{"/", "/nope", "/connect/", "/a/b", "//message"} {
		if fault := s.fault(s.do(request(http.MethodGet, path, "")), http.StatusNotFound); fault.Code != contract.CodeNotFound {
			t.Errorf("%s: %v", path, fault)
		}
		s.fault(s.do(request("BREW", path, "")), http.StatusNotFound)
		wrong := request(http.MethodGet, path, "")
		wrong.Header.Set("x-channelstream-secret", "bad")
		s.fault(s.do(wrong), http.StatusUnauthorized)
	}
}

func TestOPTIONSNeedsNoSignature(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range append(appPaths, "/disconnect", "/any/thing") {
		w := s.do(request(http.MethodOptions, path, ""))
		s.want(w, http.StatusNoContent)
		h := w.Header()
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Methods") == "" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-Channelstream-Secret") || h.Get("Access-Control-Max-Age") == "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestCORSHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://app.example")
	for _, r := range []*http.Request{
		signed(http.MethodPost, "/connect", `{"user":"a"}`), signed(http.MethodPost, "/connect", `{}`), signed(http.MethodPost, "/connect", `{`),
		signed(http.MethodGet, "/connect", ``), request(http.MethodGet, "/nope", ``), request(http.MethodPost, "/message", ``), request(http.MethodOptions, "/info", ""),
	} {
		r.Header.Set("Origin", "https://app.example")
		if w := s.do(r); w.Header().Get("Access-Control-Allow-Origin") != "https://app.example" || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s %s: %d %v", r.Method, r.URL, w.Code, w.Header())
		}
		r.Header.Set("Origin", "https://evil.example")
		if w := s.do(r); w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s: %d %v", r.Method, r.URL, w.Code, w.Header())
		}
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_MAX_BODY=2KiB", "CHANNELSTREAM_MAX_MESSAGE=1KiB")
	large := `{"user":"a","x":"` + strings.Repeat("x", 2048) + `"}`
	if fault := s.fault(s.post("/connect", large), http.StatusRequestEntityTooLarge); fault.Code != contract.CodeTooLarge {
		t.Errorf("%v", fault)
	}
	chunked := signed(http.MethodPost, "/connect", "")
	chunked.Body, chunked.ContentLength = io.NopCloser(strings.NewReader(large)), -1
	s.fault(s.do(chunked), http.StatusRequestEntityTooLarge)
	small := signed(http.MethodPost, "/connect", "")
	small.Body, small.ContentLength = io.NopCloser(strings.NewReader(`{"user":"a"}`)), -1
	s.want(s.do(small), http.StatusOK)
}

func TestABodyThatBreaksOffIsMalformed(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := signed(http.MethodPost, "/connect", "")
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"user":`), brokenReader{})), 100
	s.fault(s.do(r), http.StatusBadRequest)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestTheContentTypeIsIgnored(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
		r := signed(http.MethodPost, "/connect", `{"user":"a"}`)
		r.Header.Set("Content-Type", kind)
		s.want(s.do(r), http.StatusOK)
	}
}

func TestHEADHasNoBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	server := httptest.NewServer(s.service.Handler())
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/info", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-channelstream-secret", signature.Sign(secret, "/info", time.Now()))
	client := server.Client()
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || len(body) != 0 || answer.ContentLength <= 0 {
		t.Errorf("%s with %d bytes of %d", answer.Status, len(body), answer.ContentLength)
	}
}

func TestAnswersAreCompactJSON(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, w := range []*httptest.ResponseRecorder{
		s.post("/message", `{"user":"a","channel":"c","message":{"a": 1}}`), s.post("/connect", `{"user":"a"}`), s.post("/connect", `{}`),
	} {
		if kind := w.Header().Get("Content-Type"); kind != "application/json; charset=utf-8" || bytes.ContainsAny(w.Body.Bytes(), "\n\t") {
			t.Errorf("%s: %s", kind, w.Body)
		}
	}
}

func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post("/message", `[{"user":"a","channel":"c"},{"user":"a","channel":"c"}]`)
	s.post("/message", `{}`)
	s.do(request(http.MethodGet, "/some/name", ""))
	const want = `
		# HELP channelstream_api_messages_total Messages accepted from apps.
		# TYPE channelstream_api_messages_total counter
		channelstream_api_messages_total 2
		# HELP channelstream_api_requests_total Requests answered, by route and HTTP status.
		# TYPE channelstream_api_requests_total counter
		channelstream_api_requests_total{route="/message",status="200"} 1
		channelstream_api_requests_total{route="/message",status="422"} 1
		channelstream_api_requests_total{route="other",status="404"} 1
	`
	err := testutil.GatherAndCompare(s.registry, strings.NewReader(want), "channelstream_api_messages_total", "channelstream_api_requests_total")
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyOurOwnFaultsAreLogged(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post("/connect", `{`)
	s.post("/connect", `{}`)
	s.do(request(http.MethodGet, "/nope", ""))
	if log := s.log.String(); strings.Contains(log, "a request failed") {
		t.Errorf("logged: %s", log)
	}
	s.presence.answer(contract.VerbConnect, errors.New("broken"))
	if fault := s.fault(s.post("/connect", `{"user":"a"}`), http.StatusInternalServerError); strings.Contains(fault.Message, "broken") {
		t.Errorf("the app learned %q", fault.Message)
	}
	if log := s.log.String(); !strings.Contains(log, "route=/connect") {
		t.Errorf("not logged: %s", log)
	}
}

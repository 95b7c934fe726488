package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func TestWhereHTTPSIsEnforcedNoWayInServesInClear(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ENFORCE_HTTPS=true", "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1")
	g.Presence.Register("c1", "alice")
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/ws?conn_id=c1"},
		{http.MethodGet, "/sse?conn_id=c1"},
		{http.MethodGet, "/listen?conn_id=c1"},
		{http.MethodGet, "/listen?conn_id=c1&callback=f"},
		{http.MethodGet, gatewaytest.Polling},
		{http.MethodPost, gatewaytest.Polling + "&sid=guess"},
		{http.MethodGet, socketPath},
		{http.MethodGet, "/socket.io/socket.io.js"},
		{http.MethodGet, "/elsewhere"},
	} {
		for _, proto := range []string{"", "http", "https, http"} {
			answer := g.Request(c.method, c.path, "", "X-Forwarded-Proto", proto, "Origin", "https://app.example")
			if answer.Status != http.StatusNotAcceptable || !strings.Contains(answer.Body, `"code":"https_required"`) ||
				answer.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
				t.Errorf("%s %s, %q: answered with %d %s %v", c.method, c.path, proto, answer.Status, answer.Body, answer.Header)
			}
		}
	}
	for _, path := range []string{"/ws?conn_id=c1", socketPath} {
		if _, response, err := g.TryDial(path); err == nil || response.StatusCode != http.StatusNotAcceptable {
			t.Errorf("%s opened in clear: %v, %v", path, response, err)
		}
		if _, _, err := g.TryDial(path, "X-Forwarded-Proto", "https"); err != nil {
			t.Errorf("%s by a trusted proxy's word: %v", path, err)
		}
	}
	if answer := g.Request(http.MethodGet, gatewaytest.Polling, "", "X-Forwarded-Proto", "https"); answer.Status != http.StatusOK {
		t.Errorf("polling by a trusted proxy's word: %d %s", answer.Status, answer.Body)
	}
}

func TestAStrangersWordIsNoHTTPS(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ENFORCE_HTTPS=true")
	if answer := g.Request(http.MethodGet, gatewaytest.Polling, "", "X-Forwarded-Proto", "https"); answer.Status != http.StatusNotAcceptable {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
}

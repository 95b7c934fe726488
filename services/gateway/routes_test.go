package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func TestPathsAreAnswered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		part               string
	}{
		{"nothing there", "GET", "/elsewhere", nil, 404, `"code":"not_found"`},
		{"nothing there, by a method of nobody's", "BREW", "/elsewhere", nil, 404, `"code":"not_found"`},
		{"wrong method", "POST", "/ws?conn_id=c1", nil, 405, `"code":"method_not_allowed"`},
		{"a poll that would be lost", "HEAD", "/listen?conn_id=c1", nil, 405, ""},
		{"a method of nobody's", "BREW", "/sse?conn_id=c1", nil, 405, `"code":"method_not_allowed"`},
		{"no upgrade", "GET", "/ws?conn_id=c1", nil, 400, `"code":"malformed"`},
		{"no conn_id", "GET", "/ws", upgrade, 422, `"conn_id":["Missing data for required field."]`},
		{"unknown conn_id", "GET", "/ws?conn_id=x", upgrade, 422, `"conn_id":["Unknown connection"]`},
		{"the client", "GET", "/socket.io/socket.io.js", nil, 200, "// the client"},
		{"without the slash", "GET", "/socket.io?EIO=4&transport=polling", nil, 200, `0{"sid":"`},
	} {
		answer := g.Request(c.method, c.path, "", c.headers...)
		if answer.Status != c.status || !strings.Contains(answer.Body, c.part) {
			t.Errorf("%s: answered with %d %s, want %d and %s", c.name, answer.Status, answer.Body, c.status, c.part)
		}
	}
	if answer := g.Request("POST", "/ws?conn_id=c1", ""); answer.Header.Get("Allow") != "GET" {
		t.Errorf("a 405 allows %q", answer.Header.Get("Allow"))
	}
}

func TestAnyOriginMayAskUnlessSomeAreNamed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, path := range []string{gatewaytest.Polling, "/elsewhere", "/ws"} {
		answer := g.Request(http.MethodGet, path, "", "Origin", "https://app.example")
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s allows %q", path, got)
		}
	}
	answer := g.Request(http.MethodOptions, gatewaytest.Polling, "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
	if answer.Status != http.StatusNoContent || !strings.Contains(answer.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("a preflight was answered with %d %v", answer.Status, answer.Header)
	}
}

func TestOnlyNamedOriginsMayAsk(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://app.example")
	g.Presence.Register("c1", "alice")
	good := g.Request(http.MethodGet, gatewaytest.Polling, "", "Origin", "https://app.example")
	if good.Status != http.StatusOK || good.Header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		good.Header.Get("Access-Control-Allow-Credentials") != "true" || good.Header.Get("Vary") != "Origin" {
		t.Errorf("the named origin was answered with %d %v", good.Status, good.Header)
	}
	bad := g.Request(http.MethodGet, gatewaytest.Polling, "", "Origin", "https://evil.example")
	if bad.Status != http.StatusForbidden || bad.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin was answered with %d %v", bad.Status, bad.Header)
	}
	for _, path := range []string{"/ws?conn_id=c1", socketPath} {
		if _, response, err := g.TryDial(path, "Origin", "https://evil.example"); err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another origin: %v, %v", path, response, err)
		}
		if _, _, err := g.TryDial(path, "Origin", "https://app.example"); err != nil {
			t.Errorf("%s from the named origin: %v", path, err)
		}
		if _, _, err := g.TryDial(path); err != nil { // no browser
			t.Errorf("%s without an origin: %v", path, err)
		}
	}
}

func TestPlainSocketsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=polling")
	if answer := g.Request(http.MethodGet, "/ws?conn_id=c1", ""); answer.Status != http.StatusNotFound {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
}

func TestTheResourceIsTheOperatorsChoice(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_RESOURCE=push")
	if answer := g.Request(http.MethodGet, "/push/?EIO=4&transport=polling", ""); answer.Status != http.StatusOK {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
	if answer := g.Request(http.MethodGet, gatewaytest.Polling, ""); answer.Status != http.StatusNotFound {
		t.Errorf("the default path was answered with %d", answer.Status)
	}
}

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func TestPathsAreAnswered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
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
		{"no conn_id, and no upgrade", "GET", "/ws", nil, 422, `"conn_id":["Missing data for required field."]`},
		{"the client", "GET", "/socket.io/socket.io.js", nil, 200, "// the client"},
		{"the small client", "GET", "/socket.io/socket.io.min.js?v=4", nil, 200, "// the small client"},
		{"no client of that version", "GET", "/socket.io/socket.io.js?v=9", nil, 404, "There are 4.0.0."},
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
		h := g.Request(http.MethodGet, path, "", "Origin", "https://app.example").Header
		if h.Get("Access-Control-Allow-Origin") != "https://app.example" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("%s is answered with %v", path, h)
		}
	}
	answer := g.Request(http.MethodOptions, gatewaytest.Polling, "", "Origin", "https://app.example",
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-tenant")
	if answer.Status != http.StatusNoContent || !strings.Contains(answer.Header.Get("Access-Control-Allow-Methods"), "POST") ||
		answer.Header.Get("Access-Control-Allow-Headers") != "x-tenant" || answer.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
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

func TestAnOriginThatIsRefusedIsInTheLogOnce(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://app.example")
	const line = `level=WARN msg="a page of this origin may not connect; CHANNELSTREAM_ALLOWED_ORIGINS names those that may" origin=`
	for range 3 {
		for _, path := range []string{gatewaytest.Polling, "/sse", "/listen", "/ws"} {
			g.Request(http.MethodGet, path, "", "Origin", "https://evil.example")
			g.Request(http.MethodGet, path, "", "Origin", "https://app.example")
		}
	}
	if n := g.Log.Count(line); n != 1 || g.Log.Count(line+"https://evil.example") != 1 {
		t.Errorf("%d lines about one origin", n)
	}
	for n := range 100 {
		g.Request(http.MethodGet, "/listen", "", "Origin", fmt.Sprintf("https://evil-%d.example", n))
	}
	if n := g.Log.Count(line); n != 20 {
		t.Errorf("%d lines about a hundred origins, want twenty", n)
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

package engine_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const socketPath = "/socket.io/?EIO=4&transport=websocket"

func TestRequestsAreRefusedAsStockServersDo(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.Poller("")
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string
	}{
		{"no version", "GET", "/socket.io/?transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"version 1", "GET", "/socket.io/?EIO=1&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"version 5", "GET", "/socket.io/?EIO=5&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"odd version", "GET", "/socket.io/?EIO=abc&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"version of another session", "GET", strings.Replace(p.Path(), "EIO=4", "EIO=3", 1), 400, `{"code":3,"message":"Bad request"}`},
		{"script polling, not offered", "GET", "/socket.io/?EIO=3&transport=polling&j=0", 400, `{"code":0,"message":"Transport unknown"}`},
		{"no transport", "GET", "/socket.io/?EIO=4", 400, `{"code":0,"message":"Transport unknown"}`},
		{"transport of another path", "GET", "/socket.io/?EIO=4&transport=sse", 400, `{"code":0,"message":"Transport unknown"}`},
		{"odd transport", "GET", "/socket.io/?EIO=4&transport=pigeon", 400, `{"code":0,"message":"Transport unknown"}`},
		{"post without sid", "POST", gatewaytest.Polling, 400, `{"code":2,"message":"Bad handshake method"}`},
		{"unknown sid", "GET", gatewaytest.Polling + "&sid=guess", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"unknown sid, post", "POST", gatewaytest.Polling + "&sid=guess", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"unknown sid, upgrade", "GET", socketPath + "&sid=guess", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"method of a session", "DELETE", p.Path(), 400, `{"code":3,"message":"Bad request"}`},
	} {
		answer := g.Request(c.method, c.path, "")
		if answer.Status != c.status || answer.Body != c.body {
			t.Errorf("%s: answered with %d %s, want %d %s", c.name, answer.Status, answer.Body, c.status, c.body)
		}
		if kind := answer.Header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("%s: answered with %s", c.name, kind)
		}
	}
}

func TestAWebSocketPathWithoutAnUpgradeIsABadRequest(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.Poller("")
	for _, path := range []string{socketPath, socketPath + "&sid=" + p.SID} {
		if answer := g.Request(http.MethodGet, path, ""); answer.Status != http.StatusBadRequest {
			t.Errorf("%s was answered with %d %s", path, answer.Status, answer.Body)
		}
	}
	s := p.Upgrade() // the failed try was no upgrade
	s.Send("2probe")
	s.Want("3probe")
}

func TestTheHandshakeSaysWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=7s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=3s", "CHANNELSTREAM_MAX_FRAME=2KiB")
	answer := g.Request(http.MethodGet, gatewaytest.Polling, "")
	for _, part := range []string{`"upgrades":["websocket"]`, `"pingInterval":7000`, `"pingTimeout":3000`, `"maxPayload":2048`} {
		if !strings.Contains(answer.Body, part) {
			t.Errorf("the open packet %s does not hold %s", answer.Body, part)
		}
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("polls may be cached: %v", answer.Header)
	}
	if open := g.Dial(socketPath).Next(); !strings.Contains(open, `"upgrades":[]`) {
		t.Errorf("a WebSocket is told to upgrade: %s", open)
	}
}

func TestATransportThatIsSwitchedOffIsUnknown(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=polling")
	if answer := g.Request(http.MethodGet, socketPath, ""); answer.Status != 400 || !strings.Contains(answer.Body, "Transport unknown") {
		t.Errorf("a WebSocket was answered with %d %s", answer.Status, answer.Body)
	}
	if answer := g.Request(http.MethodGet, gatewaytest.Polling, ""); !strings.Contains(answer.Body, `"upgrades":[]`) {
		t.Errorf("an upgrade is offered: %s", answer.Body)
	}
}

func TestASessionThatConnectsToNoNamespaceIsClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=1s")
	p, s := g.Poller(""), g.Engine("")
	stays := g.Stream("alice")
	s.WantClose(1002, "protocol_error")
	p.Poll() // it may hear of the end, or come behind it
	p.WantGone()
	stays.Send(`42/stream,1["are you there"]`)
	stays.Want(`43/stream,1[]`)
}

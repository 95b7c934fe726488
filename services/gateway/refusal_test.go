package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// Whoever looks for the reason why a client does not come in finds one line at debug, by whichever way it came.
func TestTheLogSaysWhyAClientIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, c := range []struct {
		path string
		word string // of the close frame of a WebSocket; "" for a request
		line string
	}{
		{"/ws?conn_id=secret-id", "disconnected", `way=ws reason="attach: Some fields of the request are not valid. (conn_id: Unknown connection)"`},
		{"/ws?conn_id=secret-id", "", `way=ws reason="This path is opened as a WebSocket."`},
		{"/ws?conn_id=secret-id&since=x", "protocol_error", `way=ws reason="Some fields of the request are not valid. (since: Not an offset.)"`},
		{"/sse?conn_id=secret-id", "", `way=sse reason="attach: Some fields`},
		{"/listen?conn_id=secret-id", "", `way=listen reason="attach: Some fields`},
		{"/listen?conn_id=secret-id&callback=(", "", `way=listen reason="Some fields of the request are not valid. (callback: Not the name of a function.)"`},
		{"/socket.io/?EIO=5&transport=polling", "", `way=socket.io method=GET transport=polling reason="Unsupported protocol version"`},
		{gatewaytest.Polling + "&sid=secret-id", "", `way=socket.io method=GET transport=polling reason="Session ID unknown"`},
	} {
		if c.word == "" {
			g.Request("GET", c.path, "")
		} else {
			g.Dial(c.path).WantClose(contract.Reason(c.word).CloseCode(), c.word)
		}
		if n := g.Log.Count(c.line); n != 1 {
			t.Errorf("%s: %d lines with %s", c.path, n, c.line)
		}
	}
	for query, line := range map[string]string{
		"conn_id=secret-id":            `way=socket.io reason="Unknown connection"`,
		"username=alice":               `way=socket.io reason="Send conn_id, or username and sig"`,
		"username=alice&sig=secret-id": `way=socket.io reason="The sig is wrong or too old: `,
	} {
		s := g.Engine(query)
		s.Send("40/stream,")
		s.Want(`44/stream,{"message":"`)
		if n := g.Log.Count(line); n != 1 {
			t.Errorf("%s: %d lines with %s", query, n, line)
		}
	}
	if n := g.Log.Count(`level=DEBUG msg="a client is refused"`); n != 11 {
		t.Errorf("%d lines about eleven clients", n)
	}
	if strings.Contains(g.Log.String(), "secret-id") {
		t.Error("the log has what a client showed to be let in")
	}
}

// A presence that is away has all clients refused: that is one line for whoever looks at warnings, and one when it is back.
func TestAPresenceThatFailsIsOneWarning(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Fail(contract.Unavailable("NATS is away."))
	for range 20 {
		if answer := g.Request("GET", "/listen?conn_id=c1", ""); answer.Status != 503 {
			t.Fatalf("answered with %d %s", answer.Status, answer.Body)
		}
	}
	if n := g.Log.Count("presence does not do what it is asked"); n != 1 {
		t.Errorf("%d lines that presence fails", n)
	}
	if n := g.Log.Count(`level=DEBUG msg="a client is refused" way=listen reason="attach: NATS is away."`); n != 20 {
		t.Errorf("%d lines about 20 clients", n)
	}
	g.Presence.Fail(nil)
	g.Plain("c1")
	if n := g.Log.Count("presence does what it is asked again"); n != 1 {
		t.Errorf("%d lines that presence is back", n)
	}
	for line := range strings.Lines(g.Log.String()) {
		if !strings.Contains(line, "level=DEBUG") && !strings.Contains(line, "presence does") && !strings.Contains(line, "lease") &&
			!strings.Contains(line, "compared") {
			t.Errorf("another line: %s", line)
		}
	}
}

// Clients that get a session and then no connection are left behind by some libraries: python-socketio comes back twice.
func TestNoSocketIOSessionBeginsWhilePresenceDoesNotDoWhatItIsAsked(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	first := g.Engine("conn_id=c1")
	g.Presence.Fail(contract.Unavailable("NATS is away."))
	first.Send("40/stream,")
	for name, path := range map[string]string{"4": gatewaytest.Polling, "0.9": "/socket.io/1/"} {
		gatewaytest.Eventually(t, "a handshake of "+name+" is refused", func() bool {
			answer := g.Request(http.MethodGet, path, "")
			return answer.Status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "1"
		})
	}
	g.Presence.Fail(nil)
	gatewaytest.Eventually(t, "a session begins", func() bool {
		return g.Request(http.MethodGet, gatewaytest.Polling, "").Status == http.StatusOK
	})
}

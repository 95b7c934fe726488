package gateway_test

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// Whoever looks for the reason why a client does not come in finds one line at debug, by whichever way it came.
func TestTheLogSaysWhyAClientIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, c := range []struct {
		path    string
		headers []string
		line    string
	}{
		{"/ws?conn_id=secret-id", upgrade, `way=ws reason="attach: Some fields of the request are not valid. (conn_id: Unknown connection)"`},
		{"/ws?conn_id=secret-id", nil, `way=ws reason="This path is opened as a WebSocket."`},
		{"/ws?conn_id=secret-id&since=x", upgrade, `way=ws reason="Some fields of the request are not valid. (since: Not an offset.)"`},
		{"/sse?conn_id=secret-id", nil, `way=sse reason="attach: Some fields`},
		{"/listen?conn_id=secret-id", nil, `way=listen reason="attach: Some fields`},
		{"/listen?conn_id=secret-id&callback=(", nil, `way=listen reason="Some fields of the request are not valid. (callback: Not the name of a function.)"`},
		{"/socket.io/?EIO=3&transport=polling", nil, `way=socket.io method=GET transport=polling reason="Unsupported protocol version"`},
		{gatewaytest.Polling + "&sid=secret-id", nil, `way=socket.io method=GET transport=polling reason="Session ID unknown"`},
	} {
		g.Request("GET", c.path, "", c.headers...)
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

package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// Each request goes to another gateway, as the proxies are shipped, and no proxy knows a session.
func TestEveryWayInWorksBehindEachProxyWithoutStickiness(t *testing.T) {
	t.Parallel()
	for _, proxy := range []harness.Proxy{harness.HAProxy, harness.Nginx, harness.Caddy} {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			f := startFrontOf(t, proxy, 3)
			socket, status := harness.TryOpenAt(t, f.url, register(t, f.APIs[0], "bob", "news"))
			if socket == nil {
				t.Fatalf("a socket was answered with %d", status)
			}
			source := f.source(t, "alice")
			p := openPolling(t, f, "carol")
			const messages = 20
			for n := range messages {
				f.post(t, fmt.Sprintf("text %d.", n))
			}
			got := p.await(t, fmt.Sprintf("text %d.", messages-1))
			at := 0
			for n := range messages {
				one := fmt.Sprintf("text %d.", n)
				found := strings.Index(got[at:], one)
				if found < 0 || strings.Count(got, one) != 1 {
					t.Fatalf("message %d did not come once and in order: %s", n, got)
				}
				at += found
			}
			last := fmt.Sprintf("text %d.", messages-1)
			socket.Await(last)
			source.Await(last)

			f.hosts.Forget("gateway", "api")
			for _, n := range append(f.Gateways, f.APIs...) {
				n.Stop()
			}
			f.speaksForAll(t)
		})
	}
}

// polling is a client that polls with Engine.IO 4, each time over a new connection.
type polling struct{ url string }

func openPolling(t *testing.T, f *front, user string) *polling {
	t.Helper()
	c, err := f.app.Connect(t.Context(), client.Connect{User: user, Channels: []string{"news"}})
	if err != nil {
		t.Fatal(err)
	}
	p := &polling{url: f.url + "/socket.io/?EIO=4&transport=polling"}
	var open struct{ SID string }
	body := p.get(t, "&conn_id="+url.QueryEscape(c.ConnID))
	if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &open); err != nil {
		t.Fatalf("the handshake was answered with %s", body)
	}
	p.url += "&sid=" + url.QueryEscape(open.SID)
	p.post(t, "40/stream,")
	if got := p.get(t, ""); !strings.HasPrefix(got, "40/stream,") {
		t.Fatalf("the connect packet was answered with %s", got)
	}
	return p
}

// await polls until a text has come, and gives all that came.
func (p *polling) await(t *testing.T, text string) string {
	t.Helper()
	var got strings.Builder
	for !strings.Contains(got.String(), text) {
		body := p.get(t, "")
		got.WriteString(body)
		if strings.HasPrefix(body, "2") {
			p.post(t, "3")
		}
	}
	return got.String()
}

func (p *polling) get(t *testing.T, more string) string {
	t.Helper()
	return p.ask(t, http.MethodGet, more, "")
}

func (p *polling) post(t *testing.T, packets string) {
	t.Helper()
	p.ask(t, http.MethodPost, "", packets)
}

func (p *polling) ask(t *testing.T, method, more, packets string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+more, strings.NewReader(packets))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s was answered with %d %s, %v", method, response.StatusCode, body, err)
	}
	return string(body)
}

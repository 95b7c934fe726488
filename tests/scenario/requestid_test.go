package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// named asks with an id of the request, and gives what the answer has for one.
func named(t *testing.T, method, url, id, secret, body string, origin ...string) (given []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-Id", id)
	for _, page := range origin {
		request.Header.Set("Origin", page)
	}
	if secret != "" {
		request.Header.Set("x-channelstream-secret", signature.Sign(secret, request.URL.Path, time.Now()))
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close() //nolint:errcheck // only the header counts
	return response.Header.Values("X-Request-Id")
}

// handshake begins a session of Socket.IO that polls.
func handshake(t *testing.T, gateway *harness.Node) (sid string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gateway.URL()+"/socket.io/?EIO=4&transport=polling", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	var packet struct{ SID string }
	body, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(bytes.TrimPrefix(body, []byte("0")), &packet)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return packet.SID
}

// An operator who is told of one request finds it in the logs of every service that it came to.
func TestARequestHasOneIDInEveryAnswerAndInTheLogsOfAllThatItCameTo(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 2}, harness.Setting("LOG_LEVEL", "debug"),
			harness.Setting("LEASE_TTL", "1m"), harness.Setting("ALLOWED_ORIGINS", "https://app.example"))
		api, gateway, presence := c.APIs[0], c.Gateways[0], c.Presences[0]
		id, _ := enter(t, api, gateway, "alice", "room")
		streamed := register(t, api, "bob", "room")
		polled := handshake(t, c.Gateways[1])
		for url, method := range map[string]string{
			api.URL() + "/info": http.MethodGet, api.URL() + "/nothing": http.MethodPost, api.URL() + "/readyz": http.MethodGet,
			presence.URL() + "/metrics": http.MethodGet, gateway.URL() + "/healthz": http.MethodGet,
			gateway.URL() + "/sse?conn_id=" + streamed: http.MethodGet, gateway.URL() + "/listen?conn_id=nobody": http.MethodGet,
			gateway.URL() + "/ws?conn_id=nobody": http.MethodGet, gateway.URL() + "/socket.io/?EIO=4&transport=polling": http.MethodGet,
			gateway.URL() + "/socket.io/?EIO=4&transport=polling&sid=" + polled: http.MethodPost, // at another gateway
		} {
			if given := named(t, method, url, "story-1", "", "1"); len(given) != 1 || given[0] != "story-1" {
				t.Errorf("%s %s gives back %q", method, url, given)
			}
		}
		ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(gateway.URL(), "http")+"/ws?conn_id="+id, http.Header{"X-Request-Id": {"story-2"}})
		if err != nil {
			t.Fatal(err)
		}
		ws.Close() //nolint:errcheck // only the header counts
		if given := response.Header.Values("X-Request-Id"); len(given) != 1 || given[0] != "story-2" {
			t.Errorf("a WebSocket gives back %q", given)
		}

		other, _ := enter(t, api, gateway, "dora", "room")
		gateway.Kill()
		named(t, http.MethodPost, api.URL()+"/subscribe", "story-3", c.Secret, `{"conn_id": "`+other+`", "channels": ["another"]}`)
		named(t, http.MethodPost, api.URL()+"/connect", "story-4", c.Secret, `{}`)
		refused := c.Gateways[1].URL() + "/socket.io/?EIO=4&transport=polling"
		named(t, http.MethodPost, refused+"&sid="+handshake(t, c.Gateways[1]), "story-5", "", "40/stream,")
		named(t, http.MethodGet, refused, "story-6", "", "", "https://evil.example")
		for id, said := range map[string]string{
			"story-3": `"msg":"a gateway does not take orders"`, "story-4": `"msg":"a request is refused"`,
			"story-5": `"reason":"Send conn_id, or username and sig"`, "story-6": `"msg":"a page of this origin may not connect`,
		} {
			node := map[string]*harness.Node{"story-3": presence, "story-4": api}[id]
			if node == nil {
				node = c.Gateways[1]
			}
			harness.Eventually(t, node.Name+" says which request it is", func() bool {
				for line := range strings.Lines(node.Log()) {
					if strings.Contains(line, said) && strings.Contains(line, `"request":"`+id+`"`) {
						return true
					}
				}
				return false
			})
		}
	}, processes)
}

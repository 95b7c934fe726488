package engine09_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheHandshakeSaysTheTimeoutsAndTheTransportsOfTheSettings(t *testing.T) {
	t.Parallel()
	for offered, want := range map[string]string{
		"": ":45:45:websocket,xhr-polling",
		"jsonp-polling,xhr-polling,websocket,sse": ":45:45:websocket,xhr-polling,jsonp-polling",
		"xhr-polling": ":45:45:xhr-polling",
	} {
		environ := []string{}
		if offered != "" {
			environ = append(environ, "CHANNELSTREAM_TRANSPORTS="+offered)
		}
		g := gatewaytest.Start(t, environ...)
		for _, path := range []string{"/socket.io/1/?t=1", "/socket.io/1"} {
			if got := g.Request(http.MethodGet, path, ""); got.Status != 200 || !strings.HasSuffix(got.Body, want) || strings.Count(got.Body, ":") != 3 {
				t.Errorf("%q: got %d %s, want %s", offered, got.Status, got.Body, want)
			}
		}
	}
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=5s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=60s")
	if got := g.Request(http.MethodGet, gatewaytest.Handshake09, ""); !strings.Contains(got.Body, ":65:65:") {
		t.Errorf("got %s", got.Body)
	}
}

func TestAHandshakeIsAScriptForAClientThatCanReadNothingElse(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=jsonp-polling", "CHANNELSTREAM_MAX_SESSIONS=1")
	got := g.Request(http.MethodGet, gatewaytest.Handshake09+"?jsonp=3", "")
	if !strings.HasPrefix(got.Body, `io.j[3]("`) || !strings.HasSuffix(got.Body, `:45:45:jsonp-polling");`) ||
		got.Header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
		t.Errorf("got %s %s", got.Header, got.Body)
	}
	got = g.Request(http.MethodGet, gatewaytest.Handshake09+"?jsonp=4", "")
	if got.Status != 200 || !strings.HasPrefix(got.Body, `io.j[4](new Error("This server has as many clients`) {
		t.Errorf("a refusal is %d %s", got.Status, got.Body)
	}
	if got := g.Request(http.MethodGet, gatewaytest.Handshake09+"?jsonp=0](alert(1),io.j[0", ""); got.Status != 400 || strings.Contains(got.Body, "alert") {
		t.Errorf("what is no number is answered with %d %s", got.Status, got.Body)
	}
	g = gatewaytest.Start(t)
	if got := g.Request(http.MethodGet, gatewaytest.Handshake09+"?jsonp=3", ""); got.Status != 400 {
		t.Errorf("where jsonp-polling is not offered: %d %s", got.Status, got.Body)
	}
}

func TestWhatIsNotServedIsRefusedCleanly(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c := g.Client09("")
	for path, want := range map[string]int{
		c.Path("htmlfile"): 400, c.Path("flashsocket"): 400, c.Path("jsonp-polling") + "?i=0": 400, // which is off here
		c.Path("xhr-polling") + "/more": 404, gatewaytest.Handshake09 + c.SID: 404,
	} {
		if got := g.Request(http.MethodGet, path, ""); got.Status != want {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	for path, want := range map[string]string{gatewaytest.Handshake09: "GET", c.Path("xhr-polling"): "GET, POST"} {
		if got := g.Request(http.MethodDelete, path, ""); got.Status != 405 || got.Header.Get("Allow") != want {
			t.Errorf("DELETE %s: %d %s", path, got.Status, got.Header.Get("Allow"))
		}
	}
	if got := g.Request(http.MethodPost, c.Path("xhr-polling"), "2::"); got.Status != 400 {
		t.Errorf("a POST before the first poll: %d", got.Status)
	}
	c.Want("1::") // nothing of this has taken its place
}

func TestAnUnknownSidIsToldToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=websocket,xhr-polling,jsonp-polling")
	for path, want := range map[string]string{"xhr-polling/x": "7:::1+0", "jsonp-polling/x?i=2": `io.j[2]("7:::1+0");`} {
		if got := g.Request(http.MethodGet, gatewaytest.Handshake09+path, ""); got.Status != 200 || got.Body != want {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	g.Dial(gatewaytest.Handshake09 + "websocket/x").Want("7:::1+0")
	if got := g.Request(http.MethodPost, gatewaytest.Handshake09+"xhr-polling/x", "2::"); got.Status != 200 || got.Body != "1" {
		t.Errorf("a POST: %d %s", got.Status, got.Body)
	}
}

// An error would have a stock client that comes back already begin a second time.
func TestAPostAfterTheEndIsTaken(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c := g.StreamPoller09("alice")
	g.Stop()
	c.WantEnd()
	if got := c.Post("2::"); got.Status != http.StatusOK || got.Body != "1" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://page.example")
	c := g.Client09("")
	for _, path := range []string{gatewaytest.Handshake09, c.Path("xhr-polling"), c.Path("websocket"), c.Path("xhr-polling") + "?disconnect=1"} {
		if got := g.Request(http.MethodGet, path, "", "Origin", "https://other.example"); got.Status != 403 {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	got := g.Request(http.MethodGet, gatewaytest.Handshake09, "", "Origin", "https://page.example")
	if got.Status != 200 || got.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("the page itself: %d %s", got.Status, got.Header)
	}
}

func TestAHandshakeThatNothingComesOfIsForgotten(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=1s", "CHANNELSTREAM_MAX_SESSIONS=1")
	c := g.Client09("")
	if got := g.Request(http.MethodGet, gatewaytest.Handshake09, ""); got.Status != http.StatusServiceUnavailable {
		t.Errorf("a second handshake: %d %s", got.Status, got.Body)
	}
	gatewaytest.Eventually(t, "there is room again", func() bool {
		return g.Request(http.MethodGet, gatewaytest.Handshake09, "").Status == http.StatusOK
	})
	c.Want("7:::1+0")
}

func TestAPageThatIsLeftGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_SESSIONS=1")
	leave := func(c *gatewaytest.Client09) {
		if got := g.Request(http.MethodGet, gatewaytest.Handshake09+"/"+c.SID+"/?disconnect=1", ""); got.Status != 200 {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	leave(g.Client09(""))
	c := g.StreamPoller09("alice")
	leave(c)
	c.Want("0::")
	gatewaytest.Eventually(t, "there is room again", func() bool {
		return g.Request(http.MethodGet, gatewaytest.Handshake09, "").Status == http.StatusOK
	})
}

func TestADrainingGatewayTakesNoNewClients(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c, polls := g.Client09(gatewaytest.Credentials("alice")), g.StreamPoller09("bob")
	s := g.Stream09("carol")
	g.Stop()
	if got := g.Request(http.MethodGet, gatewaytest.Handshake09, ""); got.Status != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("a handshake: %d %s", got.Status, got.Body)
	}
	c.Want("7:::1+0")
	polls.WantEnd()
	s.WantClose(contract.ReasonDraining.CloseCode(), string(contract.ReasonDraining))
}

package scenario

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/services/demo"
	"github.com/channelstream/channelstream/tests/described"
	"github.com/channelstream/channelstream/tests/harness"
)

const basePath = "/push"

// entrance is where an app and its clients reach a server below a path.
type entrance struct {
	api, sockets, demo string // URLs, with the path
	secret             string
}

func TestEverythingIsServedBelowABasePath(t *testing.T) {
	t.Parallel()
	s := harness.AllInOne(t, "CHANNELSTREAM_BASE_PATH=push/", "CHANNELSTREAM_DEMO=true")
	worksBelow(t, entrance{s.URL + basePath, s.URL + basePath, s.URL + basePath, s.Secret})
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusOK, basePath + "/healthz": http.StatusNotFound,
		"/ws": http.StatusNotFound, "/socket.io/?EIO=4&transport=polling": http.StatusNotFound, "/demo/": http.StatusNotFound,
		"/disconnect?conn_id=a": http.StatusNotFound, basePath + "/disconnect?conn_id=a": http.StatusOK, "/pushed/ws": http.StatusNotFound,
		basePath + "/demo/": http.StatusOK, basePath + "/socket.io/?EIO=4&transport=polling": http.StatusOK,
	} {
		if status, body := fetch(t, s.URL+path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

func TestEveryServiceIsServedBelowABasePath(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, "CHANNELSTREAM_BASE_PATH="+basePath)
		worksBelow(t, entrance{c.APIs[0].URL() + basePath, c.Gateways[0].URL() + basePath, "", c.Secret})
	})
}

// A proxy that takes the path off says so in X-Script-Name, and the app signs what it calls.
func TestEveryServiceIsServedBelowThePathThatATrustedProxyNames(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1")
		service, err := demo.New(demo.Config{APIURL: proxy(t, c.APIs[0].URL()), Secret: c.Secret, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(service.Close)
		page := httptest.NewServer(service.Handler())
		t.Cleanup(page.Close)
		worksBelow(t, entrance{proxy(t, c.APIs[0].URL()), proxy(t, c.Gateways[0].URL()), page.URL, c.Secret})
		elsewhere := harness.Client(t, c.APIs[0].URL(), c.Secret) // the app as it was: without a proxy
		if _, err := elsewhere.Info(t.Context()); err != nil {
			t.Errorf("past the proxy: %v", err)
		}
	})
}

// proxy serves what is at a URL below the base path, and takes that off.
func proxy(t *testing.T, to string) (below string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	server := httptest.NewServer(http.StripPrefix(basePath, &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Header.Set("X-Script-Name", basePath)
	}}))
	t.Cleanup(server.Close)
	return server.URL + basePath
}

// worksBelow tells the story of an app and a client by each way in.
func worksBelow(t *testing.T, e entrance) {
	t.Helper()
	app := harness.Client(t, e.api, e.secret)
	alice, err := app.Connect(t.Context(), client.Connect{User: "alice", Channels: []string{"news"}})
	if err != nil {
		t.Fatal(err)
	}
	socket, status := harness.TryOpenAt(t, e.sockets, alice.ConnID)
	if socket == nil {
		t.Fatalf("open /ws: %d", status)
	}
	stream, refusal := harness.TrySocketIOAt(t, e.sockets, "alice", app.UserSignature("alice"))
	if stream == nil {
		t.Fatalf("open Socket.IO: %s", refusal)
	}
	if joined := stream.Join("news"); len(joined) != 1 {
		t.Errorf("joined %q", joined)
	}
	if _, err := app.Publish(t.Context(), client.Message{User: "app", Channel: "news", Message: "hello"}); err != nil {
		t.Fatal(err)
	}
	hears(t, socket, "hello")
	if got := string(stream.Await("message")); !strings.Contains(got, "hello") {
		t.Errorf("Socket.IO got %s", got)
	}
	if e.demo == "" {
		return
	}
	p := &place{t: t, demo: e.demo}
	visitor := p.enter("bob")
	if own, refusal := harness.TrySocketIOAt(t, e.sockets, visitor.Prefix+"bob", visitor.Sig); own == nil {
		t.Errorf("a visitor of the demo is refused: %s", refusal)
	}
}

func fetch(t *testing.T, at string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := described.Watch(t).Over(basePath, &http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

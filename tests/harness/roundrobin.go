package harness

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/channelstream/channelstream/client"
)

// RoundRobin is a balancer before a cluster that knows no session and keeps no connection: each request goes to the next gateway,
// or api, that listens. Where it can not be answered, it says so as the configurations of deploy/proxy do. The cluster is shown as
// one system, which ends with the test.
func RoundRobin(t testing.TB, c *Cluster) *System {
	t.Helper()
	const apis, gateways = "apis", "gateways"
	var next atomic.Int64
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		nodes := c.APIs
		if strings.HasPrefix(address, gateways) {
			nodes = c.Gateways
		}
		for range nodes {
			at := nodes[int(next.Add(1)-1)%len(nodes)].URL()
			if conn, err = new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(at, "http://")); err == nil {
				return conn, nil
			}
		}
		return nil, err //nolint:wrapcheck // it names the address
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			to := &url.URL{Scheme: "http", Host: apis}
			switch path := r.In.URL.Path; {
			case path == "/ws", path == "/sse", path == "/listen", strings.HasPrefix(path, "/socket.io"):
				to.Host = gateways
			}
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: nobodyAnswers,
		ErrorLog:     log.New(io.Discard, "", 0),
	})
	server.Config.SetKeepAlivesEnabled(false)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	app, err := client.New(server.URL, c.Secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.CloseIdleConnections)
	return &System{URL: server.URL, Secret: c.Secret, Client: app, Stop: func() {}}
}

// nobodyAnswers is what a client is told of whose request no gateway has answered. An EventSource gives up for good at any status
// but 200.
func nobodyAnswers(w http.ResponseWriter, r *http.Request, _ error) {
	if r.URL.Path == "/sse" {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "retry: 1000\n\n") //nolint:errcheck // the client has gone then
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}

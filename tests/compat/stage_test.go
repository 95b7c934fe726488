package compat

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// stage is the cluster on which all cells are played, and what drives the clients.
type stage struct {
	*harness.Cluster
	app     *client.Client
	robin   string // host:port of the proxy
	clients *clients
	drivers map[string]driver
	cells   atomic.Int64
	began   time.Time
}

func startStage(t *testing.T, cells []*cell) *stage {
	t.Helper()
	s := &stage{clients: &clients{records: map[int]*recorder{}}, drivers: map[string]driver{}}
	s.Cluster = harness.Start(quiet{t}, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: 3},
		harness.Setting("HEARTBEAT_INTERVAL", "1s"), harness.Setting("HEARTBEAT_TIMEOUT", "1500ms"),
		harness.Setting("TRANSPORTS", "websocket,polling,jsonp-polling,sse,listen"))
	s.app = s.APIs[0].API()
	s.robin = roundRobin(t, s.Gateways)
	for _, c := range cells {
		if name := c.kind.driver; s.drivers[name] == nil {
			s.drivers[name] = s.start(t, name, cells)
		}
	}
	s.began = time.Now()
	return s
}

// quiet has the logs of the nodes not shown for a cell that failed, unless that is asked for: hundreds of other cells are in them.
type quiet struct{ testing.TB }

func (q quiet) Failed() bool { return *logs && q.TB.Failed() }

func (s *stage) start(t *testing.T, name string, cells []*cell) driver {
	t.Helper()
	switch name {
	case inR3labs:
		return startGo(t, s.clients.tell, runR3labs)
	case inTmaxmax:
		return startGo(t, s.clients.tell, runTmaxmax)
	case inPython:
		return startProgram(t, s.clients.tell, "/usr/bin/python3", "python.py")
	case inChromium:
		return startProgram(t, s.clients.tell, append([]string{"node", "chromium.js", "/usr/bin/chromium"}, pages(cells)...)...)
	}
	return startProgram(t, s.clients.tell, "node", "node.js", name)
}

// pages are those that cells are played in.
func pages(cells []*cell) (all []string) {
	for _, c := range cells {
		page := fmt.Sprintf(`{"library": %q, "credentials": %v}`, c.kind.open.Library, c.kind.open.Credentials)
		if c.kind.driver == inChromium && !slices.Contains(all, page) {
			all = append(all, page)
		}
	}
	return all
}

// road is a way from clients to the cluster.
type road struct {
	name string
	to   func(s *stage, cell int64) string
}

const (
	directly     = "directly"
	throughRobin = "through round robin"
)

func roads() []road {
	return []road{
		{directly, func(s *stage, cell int64) string {
			return strings.TrimPrefix(s.Gateways[int(cell)%len(s.Gateways)].URL(), "http://")
		}},
		{throughRobin, func(s *stage, _ int64) string { return s.robin }},
	}
}

// roundRobin is a proxy that gives each request to the next gateway, and keeps no connection for another one.
func roundRobin(t *testing.T, gateways []*harness.Node) (at string) {
	t.Helper()
	var turn atomic.Int64
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // at once
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			next := gateways[int(turn.Add(1))%len(gateways)]
			to, err := url.Parse(next.URL())
			if err != nil {
				panic(fmt.Sprintf("the URL of a node: %v", err))
			}
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
	}
	server := httptest.NewUnstartedServer(proxy)
	server.Config.SetKeepAlivesEnabled(false)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	host, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, port)
}

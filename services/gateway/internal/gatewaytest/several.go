package gatewaytest

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/channelstream/channelstream/shared/natsembed"
)

// RoundRobin is a balancer without any stickiness before gateways: each request goes to the next one. Clients are opened
// with it as with a gateway; what is a gateway's own is that of the first.
func RoundRobin(gateways ...*Gateway) *Gateway {
	front, t := *gateways[0], gateways[0].t
	t.Helper()
	var next atomic.Int64
	transport := &http.Transport{DisableKeepAlives: true}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			at, err := url.Parse(gateways[int(next.Add(1)-1)%len(gateways)].URL)
			if err != nil {
				t.Error(err)
				return
			}
			r.SetURL(at)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Transport:    transport,
	})
	t.Cleanup(server.Close)
	front.URL = server.URL
	return &front
}

// At is the same session, whose requests go to another gateway.
func (p *Poller) At(g *Gateway) *Poller { return &Poller{SID: p.SID, path: p.path, g: g} }

// Pause lets the gateway hear nothing of NATS, and NATS nothing of the gateway, until Unpause: each waits for the other, as
// when the gateway's process is stopped. At the end of the test that ends.
func (g *Gateway) Pause() { g.link.pause() }

// Unpause ends that. What was under way arrives.
func (g *Gateway) Unpause() { g.link.unpause() }

// Cut ends the gateway's connection to NATS for good, as when its process dies.
func (g *Gateway) Cut() { g.link.cut() }

// link is a gateway's way to NATS, which may fail.
type link struct {
	*natsembed.Server

	mu    sync.Mutex
	conns []net.Conn    // guarded by mu
	open  chan struct{} // guarded by mu; closed unless it is paused
	ended bool          // guarded by mu
}

func newLink(t testing.TB, nats *natsembed.Server) *link {
	l := &link{Server: nats, open: make(chan struct{})}
	close(l.open)
	t.Cleanup(l.unpause)
	return l
}

var errCut = errors.New("the link is cut")

// InProcessConn gives a connection to NATS.
func (l *link) InProcessConn() (net.Conn, error) {
	conn, err := l.Server.InProcessConn()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		conn.Close() //nolint:errcheck // nobody has it
		return nil, errCut
	}
	l.conns = append(l.conns, conn)
	return &linked{Conn: conn, link: l}, nil
}

func (l *link) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
		l.open = make(chan struct{})
	default: // it is paused
	}
}

func (l *link) unpause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, conn := range l.conns {
		conn.Close() //nolint:errcheck // both ends see it
	}
}

// linked is a connection over a link.
type linked struct {
	net.Conn
	link *link
}

func (c *linked) await() {
	c.link.mu.Lock()
	open := c.link.open
	c.link.mu.Unlock()
	<-open
}

// Read reads what comes while the link is open.
func (c *linked) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.await()
	return n, err
}

// Write writes while the link is open.
func (c *linked) Write(p []byte) (int, error) {
	c.await()
	return c.Conn.Write(p)
}

// Package gatewaytest runs a gateway for tests: the real one, over a real NATS server in this process, with a presence
// service made by hand beside it, and clients that speak its protocols packet by packet.
package gatewaytest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

const (
	secret    = "gateway test secret"
	namespace = contract.DefaultNamespace
)

// Patience is how long a test waits for something. Only one that fails uses it up.
const Patience = 20 * time.Second

// Gateway is a running gateway.
type Gateway struct {
	URL      string
	Service  *gateway.Service
	Presence *Presence
	Log      *telemetrytest.Journal // of the gateway, debug lines too
	Stop     func()                 // ends it, and waits; called again at the end of the test, when it does nothing
	StopNATS func()                 // ends the server that all of it works on

	t        testing.TB
	nats     *natsembed.Server
	link     *link     // of the gateway to NATS
	conn     *bus.Conn // of the app
	messages *bus.Log
	registry *prometheus.Registry
	http     *http.Client
}

// madeUpClients stand for the stock ones, which not every build has.
var madeUpClients = fstest.MapFS{
	"4.0.0/LICENCE":          {Data: []byte("none")},
	"4.0.0/socket.io.js":     {Data: []byte("// the client")},
	"4.0.0/socket.io.min.js": {Data: []byte("// the small client")},
}

// Start runs a gateway until the end of the test, with the default settings as environ ("CHANNELSTREAM_LINGER=1s")
// changes them.
func Start(t testing.TB, environ ...string) *Gateway {
	t.Helper()
	config := configure(t, environ)
	nats, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	stopNATS := sync.OnceFunc(nats.Stop)
	t.Cleanup(stopNATS)
	g := &Gateway{t: t, StopNATS: stopNATS, nats: nats, conn: connect(t, nats)}
	g.openLog(config)
	g.Presence = servePresence(t, connect(t, nats))
	g.open(config)
	return g
}

// Beside runs another gateway, over the same NATS server and presence.
func (g *Gateway) Beside(environ ...string) *Gateway {
	g.t.Helper()
	other := &Gateway{t: g.t, StopNATS: g.StopNATS, Presence: g.Presence, nats: g.nats, conn: g.conn, messages: g.messages}
	other.open(configure(g.t, environ))
	return other
}

func configure(t testing.TB, environ []string) settings.Settings {
	t.Helper()
	environ = append([]string{"CHANNELSTREAM_SECRET=" + secret, "CHANNELSTREAM_DRAIN_WINDOW=0s"}, environ...)
	config, err := settings.Load(t.Context(), environ, "")
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func connect(t testing.TB, nats bus.InProcess) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: nats, Name: t.Name(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// open runs the gateway.
func (g *Gateway) open(c settings.Settings) {
	g.t.Helper()
	g.link, g.registry, g.Log = newLink(g.t, g.nats), prometheus.NewRegistry(), &telemetrytest.Journal{}
	var err error
	g.Service, err = gateway.New(gateway.Config{
		Settings: c, Conn: connect(g.t, g.link), Version: "0.0.0", Clients: madeUpClients, Registry: g.registry,
		Logger: slog.New(slog.NewTextHandler(g.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	g.serve()
}

func (g *Gateway) openLog(c settings.Settings) {
	g.t.Helper()
	log, err := g.conn.OpenLog(g.t.Context(), bus.MessageLog(namespace, c.Messages, 1))
	if err != nil {
		g.t.Fatal(err)
	}
	g.messages = log
}

func (g *Gateway) serve() {
	g.t.Helper()
	server := httptest.NewServer(g.Service.Handler())
	g.t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	g.t.Cleanup(transport.CloseIdleConnections)
	g.URL, g.http = server.URL, &http.Client{Transport: transport, Timeout: Patience}
	g.Stop = background(g.t, g.Service.Run)
	Eventually(g.t, "the gateway is ready", func() bool { return g.Service.Ready(g.t.Context()) == nil })
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// background runs something until the returned function is called, which waits for its end.
func background(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// Post publishes a message body to a channel, as the api does for a channel without a log.
func (g *Gateway) Post(channel, body string) { g.publish(namespace.LiveChannel(channel), nil, body) }

// PostTo publishes a message body to some users in a channel.
func (g *Gateway) PostTo(channel string, users []string, body string) {
	g.publish(namespace.LiveChannel(channel), bus.Header{contract.HeaderPM: {contract.JoinTokens(users)}}, body)
}

// Announce publishes an announcement to a channel, as presence does for one without a log. events is the value of the header.
func (g *Gateway) Announce(channel, body, events string) {
	g.publish(namespace.LiveChannel(channel), bus.Header{contract.HeaderEvents: {events}}, body)
}

// PostToUser publishes a message body to every connection of a user.
func (g *Gateway) PostToUser(user, body string) { g.publish(namespace.LiveUser(user), nil, body) }

func (g *Gateway) publish(subject string, h bus.Header, body string) {
	g.t.Helper()
	if err := g.conn.Publish(subject, h, []byte(body)); err != nil {
		g.t.Fatal(err)
	}
}

// Store puts a message body into the log, as the api does, and gives its offset. headers are names and values by turns.
func (g *Gateway) Store(channel, body string, headers ...string) uint64 {
	g.t.Helper()
	return g.store(namespace.LiveChannel(channel), contract.ChannelMessageID(uuid.NewString(), channel), body, headers)
}

// StoreAs is Store for a message with a uuid.
func (g *Gateway) StoreAs(id, channel, body string) uint64 {
	g.t.Helper()
	return g.store(namespace.LiveChannel(channel), contract.ChannelMessageID(id, channel), body, nil)
}

// StoreToUser is Store for a private message.
func (g *Gateway) StoreToUser(user, body string) uint64 {
	g.t.Helper()
	return g.store(namespace.LiveUser(user), contract.UserMessageID(uuid.NewString(), user), body, nil)
}

func (g *Gateway) store(live, id, body string, headers []string) uint64 {
	g.t.Helper()
	h := bus.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	pending, err := g.messages.Store(namespace.LogSubject(live), id, h, []byte(body))
	if err != nil {
		g.t.Fatal(err)
	}
	at, err := pending.Wait(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return at.Sequence
}

// Credentials is the query with which a user connects.
func Credentials(user string) string {
	return "username=" + escape(user) + "&sig=" + escape(signature.Sign(secret, user, time.Now()))
}

// DemoCredentials is the query with which the demo lets a user in.
func DemoCredentials(user string) string {
	return "username=" + escape(user) + "&sig=" + escape(signature.Sign(signature.DemoSecret(secret), user, time.Now()))
}

// Metrics gives the metrics as they are scraped.
func (g *Gateway) Metrics() string {
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// Answer is what came of a request.
type Answer struct {
	Status int
	Body   string
	Header http.Header
}

// Request makes a request. headers are names and values by turns.
func (g *Gateway) Request(method, path, body string, headers ...string) Answer {
	g.t.Helper()
	answer, err := g.TryRequest(g.t.Context(), method, path, body, headers...)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer
}

// TryRequest is Request for a caller that expects it to fail, or is not the test's goroutine.
func (g *Gateway) TryRequest(ctx context.Context, method, path, body string, headers ...string) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, g.URL+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := g.http.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end
	text, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: string(text), Header: response.Header}, err
}

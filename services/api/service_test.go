package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
	"github.com/channelstream/channelstream/shared/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "s3cret"
	ns     = contract.DefaultNamespace
)

// system is an api over a real NATS server, with a hand-written presence behind it.
type system struct {
	t        testing.TB
	service  *api.Service
	nats     *natsembed.Server
	dir      string // of the server's files
	conn     *bus.Conn
	presence *presence
	registry *prometheus.Registry
	log      *telemetrytest.Journal
}

// start begins a system whose settings are the defaults, as environ changes them.
func start(t testing.TB, environ ...string) *system {
	t.Helper()
	log := &telemetrytest.Journal{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	dir := t.TempDir()
	nats, err := natsembed.Start(natsembed.Options{StoreDir: dir, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: nats, Name: "test", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	environ = append([]string{"CHANNELSTREAM_SECRET=" + secret, "CHANNELSTREAM_REQUEST_TIMEOUT=20s"}, environ...)
	config, err := settings.Load(t.Context(), environ, "")
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	tracer, err := trace.New(trace.Config{Settings: config.Traces, Service: "channelstream-api", Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracer.Close(context.Background()) }) //nolint:errcheck // a test that looks for spans misses them
	service, err := api.New(api.Config{Settings: config, Version: "1.2.3", Conn: conn, Logger: talkative(log), Registry: registry, Tracer: tracer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.OpenLog(t.Context(), bus.MessageLog("channelstream", config.Messages, 1)); err != nil { // as Run does
		t.Fatal(err)
	}
	s := &system{t: t, service: service, nats: nats, dir: dir, conn: conn, registry: registry, log: log}
	s.presence = servePresence(t, conn, logger)
	return s
}

// request makes a request from a loopback address, unsigned.
func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	return r
}

// signed is request with the signature of its path.
func signed(method, target, body string) *http.Request {
	r := request(method, target, body)
	r.Header.Set("x-channelstream-secret", signature.Sign(secret, r.URL.Path, time.Now()))
	return r
}

// do answers a request.
func (s *system) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.service.Handler().ServeHTTP(w, r)
	return w
}

// post posts a signed body.
func (s *system) post(path, body string) *httptest.ResponseRecorder {
	return s.do(signed(http.MethodPost, path, body))
}

// want fails the test for another status.
func (s *system) want(w *httptest.ResponseRecorder, status int) string {
	s.t.Helper()
	body, _ := io.ReadAll(w.Result().Body)
	if w.Code != status {
		s.t.Fatalf("status %d, want %d: %s", w.Code, status, body)
	}
	return string(body)
}

// fault reads the fault that an answer of this status holds.
func (s *system) fault(w *httptest.ResponseRecorder, status int) contract.Fault {
	s.t.Helper()
	var fault contract.Fault
	if err := json.Unmarshal([]byte(s.want(w, status)), &fault); err != nil {
		s.t.Fatal(err)
	}
	if fault.Code == "" || fault.Message == "" {
		s.t.Fatalf("fault without code or sentence: %+v", fault)
	}
	return fault
}

// paths gives the paths of the fields that a 422 names.
func (s *system) paths(w *httptest.ResponseRecorder) map[string]bool {
	s.t.Helper()
	paths := map[string]bool{}
	for path, sentences := range s.fault(w, http.StatusUnprocessableEntity).Fields {
		paths[path] = len(sentences) > 0
	}
	return paths
}

// presence answers the verbs with what it is told to, and remembers what it was asked.
type presence struct {
	mu      sync.Mutex
	asked   map[string][]json.RawMessage // guarded by mu; by verb
	answers map[string]any               // guarded by mu; by verb; an error is a fault, a function makes the answer of the request
	came    chan string                  // verbs, as they come
}

func servePresence(t testing.TB, conn *bus.Conn, logger *slog.Logger) *presence {
	t.Helper()
	p := &presence{asked: map[string][]json.RawMessage{}, came: make(chan string, 1000), answers: map[string]any{
		contract.VerbConnect:         contract.ConnectAnswer{},
		contract.VerbSubscribe:       contract.SubscribeAnswer{Channels: []string{"a"}, ChannelsInfo: &contract.ChannelsInfo{}},
		contract.VerbUnsubscribe:     contract.UnsubscribeAnswer{Channels: []string{}},
		contract.VerbDisconnect:      contract.DisconnectAnswer{Known: true},
		contract.VerbInfo:            contract.InfoAnswer{},
		contract.VerbUserStatus:      contract.UserStatusAnswer{},
		contract.VerbUserState:       contract.UserStateAnswer{},
		contract.VerbLease:           contract.LeaseAnswer{TTL: 0.3, Contract: contract.Version},
		contract.VerbConfigure:       contract.ConfigureAnswer{},
		contract.VerbOverview:        contract.OverviewAnswer{},
		contract.VerbListChannels:    contract.ListChannelsAnswer{},
		contract.VerbListUsers:       contract.ListUsersAnswer{},
		contract.VerbListConnections: contract.ListConnectionsAnswer{},
		contract.VerbChronicle:       contract.ChronicleAnswer{},
	}}
	service := bus.Service{
		Name: contract.PresenceService, Version: "1.0.0", QueueGroup: contract.PresenceService,
		Concurrent: 16, Timeout: 5 * time.Second, Logger: logger, Endpoints: map[string]bus.Endpoint{},
	}
	for verb := range p.answers {
		service.Endpoints[verb] = bus.Endpoint{Subject: ns.Presence(verb), Handler: p.handler(verb)}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- conn.Serve(ctx, service, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return p
}

func (p *presence) handler(verb string) bus.Handler {
	return func(_ context.Context, data []byte) (any, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked[verb] = append(p.asked[verb], bytes.Clone(data))
		select {
		case p.came <- verb:
		default:
		}
		if err, failed := p.answers[verb].(error); failed {
			return nil, err
		}
		if answer, made := p.answers[verb].(func(data []byte) any); made {
			return answer(data), nil
		}
		return p.answers[verb], nil
	}
}

func (p *presence) answer(verb string, answer any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[verb] = answer
}

// last decodes the last request of a verb.
func last[R any](t testing.TB, p *presence, verb string) R {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var request R
	if len(p.asked[verb]) == 0 {
		t.Fatalf("presence was not asked to %s", verb)
	}
	if err := json.Unmarshal(p.asked[verb][len(p.asked[verb])-1], &request); err != nil {
		t.Fatal(err)
	}
	return request
}

func (p *presence) count(verb string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked[verb])
}

// listener hears subjects.
type listener struct {
	t    testing.TB
	feed *bus.Intake
	conn *bus.Conn
}

func (s *system) listen(subjects ...string) *listener {
	s.t.Helper()
	l := &listener{t: s.t, feed: s.conn.NewIntake(10_000), conn: s.conn}
	for _, subject := range subjects {
		if _, err := l.feed.Subscribe(subject); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.conn.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// next waits for a message.
func (l *listener) next() *bus.Msg {
	l.t.Helper()
	select {
	case m := <-l.feed.C():
		maps.DeleteFunc(m.Header, func(key string, _ []string) bool { // that are not for gateways
			return strings.HasPrefix(key, "Nats-") || key == contract.HeaderFrom
		})
		return m
	case <-time.After(5 * time.Second):
		l.t.Fatal("no message came")
		return nil
	}
}

// silent says that nothing has come: a flush comes back after all that was published before it.
func (l *listener) silent() {
	l.t.Helper()
	if err := l.conn.Flush(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	for {
		select {
		case m := <-l.feed.C():
			nudge := m.Header.Get(contract.HeaderNudge) != ""               // a gateway passes over that of what it has
			advisory := strings.HasPrefix(m.Subject, "$JS.EVENT.ADVISORY.") // of streams made before the test began
			if !nudge && !advisory {
				l.t.Fatalf("a message came on %s: %s", m.Subject, m.Data)
			}
		default:
			return
		}
	}
}

// talkative writes debug lines too.
func talkative(log io.Writer) *slog.Logger {
	level := new(slog.LevelVar)
	level.Set(slog.LevelDebug)
	return telemetry.NewLogger(log, level, "text")
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

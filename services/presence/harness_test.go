package presence

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ns contract.Namespace = "test"

// patience is how long a condition is waited for. It is only used up by a test that fails.
const patience = 20 * time.Second

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// system is a NATS server and the replicas on it.
type system struct {
	t      testing.TB
	server *natsembed.Server
	conn   *bus.Conn // of the caller
}

func newSystem(t testing.TB) *system {
	t.Helper()
	server, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	h := &system{t: t, server: server}
	h.conn = h.dial()
	return h
}

func (h *system) dial() *bus.Conn {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{InProcess: h.server, Name: h.t.Name(), Logger: quiet()})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(conn.Close)
	return conn
}

func patient() Config {
	return Config{
		Namespace: ns, ConnectTimeout: time.Minute, Linger: time.Minute, LeaseTTL: 2 * time.Second,
		UserRetention: time.Hour, RequestTimeout: 5 * time.Second, Logger: quiet(),
	}
}

// replica is a running service.
type replica struct {
	*Service
	registry *prometheus.Registry
	stop     func() // and wait
}

// start runs a replica on a connection of its own until it is ready; it is stopped at the end of the test.
func (h *system) start(c Config) *replica {
	h.t.Helper()
	return start(h.t, h.dial(), c)
}

func start(t testing.TB, conn *bus.Conn, c Config) *replica {
	t.Helper()
	registry := prometheus.NewRegistry()
	c.Conn, c.Registry = conn, registry
	service, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	r := &replica{Service: service, registry: registry}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(r.stop)
	eventually(t, "the replica is ready", r.ready)
	return r
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// ask calls a verb, answered by any replica.
func ask[A any](h *system, verb string, request any) (A, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return bus.Call[A](ctx, h.conn, ns.Presence(verb), request)
}

func must[A any](h *system, verb string, request any) A {
	h.t.Helper()
	answer, err := ask[A](h, verb, request)
	if err != nil {
		h.t.Fatalf("%s: %v", verb, err)
	}
	return answer
}

// refused asks and wants a fault with that code, and for CodeInvalid on that field.
func refused[A any](h *system, verb string, request any, code contract.Code, field string) {
	h.t.Helper()
	_, err := ask[A](h, verb, request)
	isFault(h.t, err, code, field)
}

func isFault(t testing.TB, err error, code contract.Code, field string) {
	t.Helper()
	fault := new(contract.Fault)
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("got error %v, want a fault %s", err, code)
	}
	if field != "" && len(fault.Fields[field]) == 0 {
		t.Fatalf("got %v, want a sentence about %s", fault, field)
	}
}

func (h *system) connect(connID, user string, channels ...string) contract.ConnectAnswer {
	h.t.Helper()
	return must[contract.ConnectAnswer](h, contract.VerbConnect,
		contract.ConnectRequest{ConnID: connID, User: user, Channels: channels})
}

func (h *system) attach(connID, gateway, session string) contract.AttachAnswer {
	h.t.Helper()
	return h.mustAttach(contract.AttachRequest{ConnID: connID, Gateway: gateway, Session: session, Transport: "websocket"})
}

// tryAttach lets one client in.
func (h *system) tryAttach(q contract.AttachRequest) (contract.AttachAnswer, error) {
	answers, err := ask[contract.AttachAnswers](h, contract.VerbAttach, contract.AttachList{Clients: []contract.AttachRequest{q}})
	if err != nil {
		return contract.AttachAnswer{}, err
	}
	if fault := answers.Clients[0].Fault; fault != nil {
		return contract.AttachAnswer{}, fault
	}
	return answers.Clients[0].AttachAnswer, nil
}

func (h *system) mustAttach(q contract.AttachRequest) contract.AttachAnswer {
	h.t.Helper()
	answer, err := h.tryAttach(q)
	if err != nil {
		h.t.Fatalf("attach: %v", err)
	}
	return answer
}

func (h *system) attachRefused(q contract.AttachRequest, code contract.Code, field string) {
	h.t.Helper()
	_, err := h.tryAttach(q)
	isFault(h.t, err, code, field)
}

func (h *system) renew(gateway string) {
	h.t.Helper()
	must[contract.LeaseAnswer](h, contract.VerbLease,
		contract.LeaseRecord{ID: gateway, Kind: contract.LeaseGateway, Started: time.Now()})
}

func (h *system) info(channels ...string) contract.InfoAnswer {
	h.t.Helper()
	return must[contract.InfoAnswer](h, contract.VerbInfo,
		contract.InfoRequest{Channels: channels, Options: contract.InfoOptions{IncludeConnections: true}})
}

// log makes the log of messages, as the api does.
func (h *system) log() *bus.Log {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	log, err := h.conn.OpenLog(ctx, bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 20}, 1))
	if err != nil {
		h.t.Fatal(err)
	}
	return log
}

// post stores a message and gives its place in the log.
func (h *system) post(log *bus.Log, channel string) uint64 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pending, err := log.Store(ns.LogSubject(ns.LiveChannel(channel)), rand.Text(), nil, []byte("{}"))
	if err != nil {
		h.t.Fatal(err)
	}
	stored, err := pending.Wait(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return stored.Sequence
}

// detach drops the socket of a connection; offset is how far it got.
func (h *system) detach(connID, gateway, session string, offset uint64) {
	h.t.Helper()
	answer := must[contract.DetachAnswer](h, contract.VerbDetach, contract.DetachRequest{
		Gateway: gateway, Sessions: map[string]string{connID: session}, Offsets: map[string]uint64{connID: offset},
	})
	if answer.Detached != 1 {
		h.t.Fatalf("%s was not attached to that session", connID)
	}
}

// state reads what every replica must agree on: the record in the bucket, by the roster of one.
func (r *replica) state(connID string) contract.ConnectionState {
	if c := r.ledger.Connections.Cached(connID); c != nil {
		return c.State
	}
	return ""
}

func (r *replica) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	for _, check := range r.Shared() {
		if check(ctx) != nil {
			return false
		}
	}
	return r.Ready(ctx) == nil
}

func (r *replica) leads() bool {
	_, leads := r.leader.Since()
	return leads
}

// gateway is one that only takes orders.
type gateway struct {
	id   string
	held bool // what it answers

	mu          sync.Mutex
	reached     uint64 // how far sessions got that it is to close
	memberships []contract.MembershipOrder
	closes      []contract.CloseOrder
}

func (h *system) gateway(id string, held bool) *gateway {
	h.t.Helper()
	g := &gateway{id: id, held: held}
	conn := h.dial()
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- conn.Serve(ctx, bus.Service{
			Name: "gateway", Version: "0.0.0", Timeout: patience, Concurrent: 8, Logger: quiet(),
			Endpoints: map[string]bus.Endpoint{
				contract.VerbMembership: {Subject: ns.Gateway(id, contract.VerbMembership), Handler: bus.On(g.membership)},
				contract.VerbClose:      {Subject: ns.Gateway(id, contract.VerbClose), Handler: bus.On(g.close)},
			},
		}, func() { close(ready) })
	}()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("gateway: %v", err)
		}
	})
	select {
	case <-ready:
	case <-time.After(patience):
		h.t.Fatal("the gateway did not start")
	}
	return g
}

func (g *gateway) membership(_ context.Context, o contract.MembershipOrder) (contract.GatewayAnswer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.memberships = append(g.memberships, o)
	return contract.GatewayAnswer{Held: g.held}, nil
}

func (g *gateway) close(_ context.Context, o contract.CloseOrder) (contract.GatewayAnswer, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closes = append(g.closes, o)
	return contract.GatewayAnswer{Held: g.held, Offset: g.reached}, nil
}

// reaches says how far sessions got that the gateway is to close.
func (g *gateway) reaches(offset uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reached = offset
}

func (g *gateway) lastMembership(t testing.TB) contract.MembershipOrder {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.memberships) == 0 {
		t.Fatal("the gateway got no membership order")
	}
	return g.memberships[len(g.memberships)-1]
}

func (g *gateway) closed() []contract.CloseOrder {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]contract.CloseOrder(nil), g.closes...)
}

package presence

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

func hasty() Config {
	c := patient()
	c.ConnectTimeout, c.Linger, c.LeaseTTL = 300*time.Millisecond, 200*time.Millisecond, time.Second
	return c
}

func TestPendingConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	a, b := h.start(hasty()), h.start(hasty())
	h.connect("c1", "alice", "one")
	for _, r := range []*replica{a, b} {
		eventually(t, "it is gone everywhere", func() bool { return r.state("c1") == "" })
	}
	if info := h.info(); info.RememberedUsers != 1 || info.UniqueUsers != 0 {
		t.Fatalf("info %+v", info)
	}
}

func TestAttachedConnectionStaysWhileItsGatewayRenews(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(hasty())
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "one")
	h.attach("c1", "alive", "s1")
	h.attach("c2", "dead", "s2")
	eventually(t, "the connection of the silent gateway is gone", func() bool {
		h.renew("alive")
		return r.state("c2") == ""
	})
	if got := r.state("c1"); got != contract.Attached {
		t.Fatalf("the other one is %q", got)
	}
}

func TestLingeringConnectionComesBackOrIsForgotten(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := hasty()
	c.Linger = 2 * time.Second
	r := h.start(c)
	detach := contract.DetachRequest{Gateway: "g1", Sessions: map[string]string{"c1": "s1", "c2": "s2"}}
	for conn, session := range detach.Sessions {
		h.connect(conn, "alice", "one")
		h.attach(conn, "g1", session)
	}
	h.renew("g2")
	must[contract.DetachAnswer](h, contract.VerbDetach, detach)
	h.attach("c1", "g2", "s3")
	eventually(t, "the one that stayed away is gone", func() bool {
		h.renew("g2")
		return r.state("c2") == ""
	})
	if got := r.state("c1"); got != contract.Attached {
		t.Fatalf("the one that came back is %q", got)
	}
}

func TestIdleUserIsForgotten(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := hasty()
	c.UserRetention, c.LeaseTTL = 500*time.Millisecond, 5*time.Second
	h.start(c)
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "one")
	h.renew("g1")
	h.attach("c2", "g1", "s1")
	eventually(t, "only the user with a connection is known", func() bool { return h.info().RememberedUsers == 1 })
	if users := h.info().Users; len(users) != 1 || users[0].User != "bob" {
		t.Fatalf("users %+v", users)
	}
}

func TestOneReplicaLeadsAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	a := h.start(hasty())
	eventually(t, "the first leads", a.leads)
	b := h.start(hasty())
	if b.leads() {
		t.Fatal("two lead")
	}
	if gauge(t, a.registry, "channelstream_presence_leader") != 1 || gauge(t, b.registry, "channelstream_presence_leader") != 0 {
		t.Fatal("the metric does not say who leads")
	}
	a.stop()
	eventually(t, "the second leads", b.leads)
	h.connect("c1", "alice", "one")
	eventually(t, "the new leader reaps", func() bool { return b.state("c1") == "" })
}

func TestTheMetricsSayWhichProcessesAreThere(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(hasty())
	h.connect("c1", "alice", "one")
	h.renew("g1")
	h.renew("g2")
	eventually(t, "both gateways are known", func() bool {
		return labelled(t, r.registry, "channelstream_presence_processes", "gateway") == 2 &&
			labelled(t, r.registry, "channelstream_presence_processes", "api") == 0
	})
	if gauge(t, r.registry, "channelstream_presence_users_known") != 1 || gauge(t, r.registry, "channelstream_presence_requests_in_flight") != 0 {
		t.Error("the metrics do not say who is known, or that all is answered")
	}
	eventually(t, "all is announced", func() bool { return gauge(t, r.registry, "channelstream_presence_unannounced_changes") == 0 })
	eventually(t, "both are gone", func() bool {
		return labelled(t, r.registry, "channelstream_presence_processes", "gateway") == 0
	})
}

func TestLeaderThatDoesNotAnswerIsReplaced(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	cut := h.dial()
	a := start(t, cut, hasty())
	eventually(t, "the first leads", a.leads)
	b := h.start(hasty())
	cut.Close() // as if its machine were gone: the lease is not given back
	eventually(t, "the second leads", b.leads)
	if a.leads() {
		t.Fatal("two lead")
	}
}

func TestConcurrentChangesAreAllKept(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	h.connect("c1", "alice")
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			q := contract.SubscribeRequest{ConnID: "c1", Channels: []string{fmt.Sprintf("channel %d", i)}}
			if _, err := ask[contract.SubscribeAnswer](h, contract.VerbSubscribe, q); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(h.connect("c1", "alice").Channels); got != 32 {
		t.Fatalf("%d channels, want 32", got)
	}
	if got := len(must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{User: "alice"}).Channels); got != 32 {
		t.Fatalf("%d channels are allowed, want 32", got)
	}
}

func TestServiceOutlivesARestartOfNATS(t *testing.T) {
	t.Parallel()
	options := natsembed.Options{StoreDir: t.TempDir(), Port: -1, Logger: quiet()}
	first, err := natsembed.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	url := first.URL()
	if _, err := fmt.Sscanf(url, "nats://127.0.0.1:%d", &options.Port); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	dial := func() *bus.Conn {
		conn, err := bus.Connect(ctx, bus.Options{URL: url, Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	h := &system{t: t, conn: dial()}
	a, b := start(t, dial(), hasty()), start(t, dial(), hasty())
	h.renew("g1")
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")

	first.Stop()
	eventually(t, "presence is not ready", func() bool { return !a.ready() && !b.ready() })
	second, err := natsembed.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(second.Stop)
	eventually(t, "presence is ready again", func() bool { return a.ready() && b.ready() })
	eventually(t, "the caller is back", func() bool { return h.conn.Connected() })
	h.renew("g1")
	if got := h.info().Channels["one"].Users; len(got) != 1 {
		t.Fatalf("users %v", got)
	}
	answer := h.connect("c1", "alice", "two")
	for _, r := range []*replica{a, b} {
		eventually(t, "the watch is back", func() bool {
			h.renew("g1")
			c := r.ledger.Connections.Cached("c1")
			return c != nil && len(c.Channels) == len(answer.Channels) && c.State == contract.Attached
		})
	}
	eventually(t, "one leads", func() bool { return a.leads() != b.leads() })
	eventually(t, "the leader reaps again", func() bool { return a.state("c1") == "" && b.state("c1") == "" })
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Config){
		"namespace": func(c *Config) { c.Namespace = "a.b" },
		"lease":     func(c *Config) { c.LeaseTTL = 0 },
		"connect":   func(c *Config) { c.ConnectTimeout = -1 },
	} {
		c := patient()
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	return labelled(t, registry, name, "")
}

// labelled is gauge where there are several that differ in one label.
func labelled(t *testing.T, registry *prometheus.Registry, name, value string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if value == "" || m.GetLabel()[0].GetValue() == value {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// What happens to the connections of a gateway that dies is two lines, however many they are.
func TestAGatewayThatDiesIsTwoLinesInTheLog(t *testing.T) {
	t.Parallel()
	h, log := newSystem(t), &telemetrytest.Journal{}
	c := hasty()
	c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.ConnectTimeout, c.Linger = time.Minute, 2*time.Second
	r := h.start(c)
	h.renew("alive")
	var all contract.AttachList
	for i := range 20 {
		id := fmt.Sprint("c", i)
		h.connect(id, "alice", "one")
		all.Clients = append(all.Clients, contract.AttachRequest{ConnID: id, Gateway: "dead", Session: "s" + id, Transport: "websocket"})
	}
	must[contract.AttachAnswers](h, contract.VerbAttach, all)
	eventually(t, "the gateway is found to be gone", func() bool {
		h.renew("alive")
		return r.state("c0") == contract.Lingering
	})
	h.attach("c0", "alive", "back")
	eventually(t, "its connections are taken for gone", func() bool {
		h.renew("alive")
		return strings.Contains(log.String(), "taken for gone")
	})
	for _, line := range []string{
		`level=WARN msg="a gateway is gone; its connections linger" gateway=dead connections=20`,
		`level=INFO msg="what a gateway held that is gone has come back, or is taken for gone" gateway=dead gone=19 back=1`,
	} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("%q is there %d times", line, n)
		}
	}
	if n := strings.Count(log.String(), "dead"); n != 2 {
		t.Errorf("%d lines about the gateway:\n%s", n, log)
	}
}

// Clients of a dead gateway come back elsewhere, and presence orders the dead one to close the socket of each.
func TestAGatewayThatTakesNoOrdersIsOneLineInTheLog(t *testing.T) {
	t.Parallel()
	h, log := newSystem(t), &telemetrytest.Journal{}
	c := patient()
	c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.start(c)
	for i := range 20 {
		id := fmt.Sprint("c", i)
		h.connect(id, "alice", "one")
		h.attach(id, "dead", "s"+id)
		h.attach(id, "alive", "back"+id)
	}
	if n := strings.Count(log.String(), "a gateway does not take orders"); n != 1 {
		t.Errorf("%d lines about the gateway:\n%s", n, log)
	}
}

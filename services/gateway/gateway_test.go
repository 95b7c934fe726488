package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMessagesReachTheRightSockets(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("a1", "alice", "news")
	g.Presence.Register("a2", "alice", "sport")
	g.Presence.Register("b1", "bob", "news")
	a1, a2, b1 := g.Plain("a1"), g.Plain("a2"), g.Plain("b1")
	g.Post("news", `{"n":1}`)
	a1.Want(`[{"n":1}]`)
	b1.Want(`[{"n":1}]`)
	g.PostTo("news", []string{"alice"}, `{"n":2}`)
	a1.Want(`[{"n":2}]`)
	g.PostToUser("alice", `{"n":3}`)
	a1.Want(`[{"n":3}]`)
	a2.Want(`[{"n":3}]`)
	g.Post("news", `{"n":4}`)
	b1.Want(`[{"n":4}]`)
}

func TestOrdersOfPresenceAreInForceWhenTheyAreAnswered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "a", "b")
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want(welcome)
	if answer := g.Presence.Move("c1", "b", "c"); !answer.Held {
		t.Error("the gateway says it does not hold the session")
	}
	s.Want(`42/stream,["join",["c"]]`)
	s.Want(`42/stream,["leave",["a"]]`)
	g.Post("a", `{"n":0}`)
	g.Post("c", `{"n":1}`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
	g.Presence.Close("c1", contract.ReasonDisconnected)
	s.Want("41/stream,")
	s.WantClose(1000, "disconnected")
	if answer := g.Presence.Move("c1", "d"); answer.Held {
		t.Error("the gateway says it still holds the session")
	}
}

func TestTheLeaseIsKept(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	gatewaytest.Eventually(t, "the lease was renewed twice", func() bool { return g.Presence.Leases() >= 3 })
}

// Nobody knows that an order was lost: the next renewals of the lease tell, and only what may differ is compared.
func TestAnOrderThatWasLostComesIntoForceWithTheLease(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprint("connection-", i)
		g.Presence.Register(ids[i], "alice", "old")
		g.Plain(ids[i])
	}
	g.Presence.Register("moved", "bob", "old")
	s := g.Plain("moved")
	gatewaytest.Eventually(t, "the lease is renewed with all of them", func() bool { g.Presence.Compared(); return g.Presence.Leases() >= 6 })
	g.Presence.Compared()
	g.Presence.Shift("moved", "new")
	gatewaytest.Eventually(t, "it is compared", func() bool { return slices.Contains(g.Presence.Compared(), "moved") })
	gatewaytest.Eventually(t, "what presence has is in force", func() bool {
		return strings.Contains(g.Metrics(), "channelstream_gateway_differences_total 1\n")
	})
	g.Post("old", `{"n":0}`)
	g.Post("new", `{"n":1}`)
	s.Want(`[{"n":1}]`)
	again := g.Presence.Leases()
	gatewaytest.Eventually(t, "the lease is renewed twice more", func() bool { return g.Presence.Leases() >= again+3 })
	if more := g.Presence.Compared(); len(more) > len(ids)/4 {
		t.Errorf("%d sessions were compared for one that differed", len(more))
	}
}

func TestMetricsCountSessionsAndDeliveries(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	plain := g.Plain("c1")
	s := g.Engine("conn_id=c2")
	s.Send("40/stream,")
	s.Want(welcome)
	g.Post("news", `{}`)
	plain.Want(`[{}]`)
	s.Want(`42/stream`)
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			gatewaytest.Eventually(t, "the metrics hold "+line, func() bool { return strings.Contains(g.Metrics(), line+"\n") })
		}
	}
	want(`channelstream_gateway_sessions{transport="ws"} 1`, `channelstream_gateway_sessions{transport="websocket"} 1`,
		`channelstream_gateway_opened_total{transport="ws"} 1`, `channelstream_gateway_deliveries_total 2`,
		`channelstream_gateway_subscriptions 3`)
	plain.Close() //nolint:errcheck // to break it is what the test wants
	g.Presence.Close("c2", contract.ReasonDisconnected)
	want(`channelstream_gateway_sessions{transport="ws"} 0`, `channelstream_gateway_sessions{transport="websocket"} 0`,
		`channelstream_gateway_closed_total{reason="closed"} 1`, `channelstream_gateway_closed_total{reason="disconnected"} 1`)
}

func TestADrainingGatewaySendsItsClientsAwayAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_DRAIN_WINDOW=1s", "CHANNELSTREAM_SHUTDOWN_TIMEOUT=5s")
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	plain, stream, p := g.Plain("c1"), g.Stream("carol"), g.StreamPoller("dave")
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.Stop() }()
	gatewaytest.Eventually(t, "the gateway is not ready", func() bool { return g.Service.Ready(context.Background()) != nil })
	if answer := g.Request(http.MethodGet, gatewaytest.Polling, ""); answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("a new session was answered with %d %v", answer.Status, answer.Header)
	}
	if _, response, err := g.TryDial("/ws?conn_id=c2"); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new socket was answered with %v, %v", response, err)
	}
	plain.WantClose(1012, "draining")
	stream.WantClose(1012, "draining") // and no disconnect packet: the client is to come back
	for p.Poll().Body != "1" {
	}
	<-stopped
	if g.Presence.Holds("c1") {
		t.Error("presence was not told")
	}
}

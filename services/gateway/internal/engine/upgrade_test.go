package engine_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func listener(t *testing.T, g *gatewaytest.Gateway) *gatewaytest.Poller {
	t.Helper()
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want("40/stream,")
	return p
}

func TestAnUpgradeLetsTheWaitingPollGoAndMovesWhatIsKept(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	waiting := poll(g, t.Context(), p)
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	if got := (<-waiting).Body; got != "6" {
		t.Errorf("the poll that waits was answered with %s, want a noop", got)
	}
	p.Want("6") // so is one that comes while the client moves
	g.Post("news", `{"n":1}`)
	g.Post("news", `{"n":2}`)
	s.Send("5")
	var got string
	for !strings.Contains(got, `{"n":2}`) {
		got += s.Next()
	}
	g.Post("news", `{"n":3}`)
	got += s.Next()
	numbers := strings.NewReplacer(`42/stream,["message",[`, "", "]]", "", ",", "").Replace(got)
	if numbers != `{"n":1}{"n":2}{"n":3}` {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="websocket"} 1`) {
		t.Errorf("the session is not counted as a WebSocket: %s", g.Metrics())
	}
}

func TestAfterTheUpgradeRequestsOfTheOldTransportAreRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	s.Send("5", `42/stream,1["are you there"]`)
	s.Want("43/stream,1[]")
	for _, answer := range []gatewaytest.Answer{p.Poll(), p.Post("40,"), g.Request(http.MethodDelete, p.Path(), "")} {
		if answer.Status != http.StatusBadRequest || answer.Body != `{"code":3,"message":"Bad request"}` {
			t.Errorf("answered with %d %s", answer.Status, answer.Body)
		}
	}
	s.Send(`42/stream,2["still there"]`)
	s.Want("43/stream,2[]")
}

// Engine.IO protocol 4, section "Upgrade": a client that has upgraded, or is about to, opens no other socket. A browser can
// not read a refusal, so the socket is accepted first.
func TestAWebSocketBesideAnotherIsAcceptedAndClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	first := p.Upgrade()
	p.Upgrade().WantClose(1002, "protocol_error")
	first.Send("2probe")
	first.Want("3probe")
	first.Send("5", `42/stream,1["are you there"]`)
	first.Want("43/stream,1[]")
	p.Upgrade().WantClose(1002, "protocol_error")
	first.Send(`42/stream,2["still there"]`)
	first.Want("43/stream,2[]")
}

// Engine.IO protocol 4, section "Upgrade": once the client has said that it moves, its requests by HTTP are refused. A poll
// may overtake what it said on the socket.
func TestAPollJustBehindTheUpgradePacketIsRefusedEveryTime(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for range 20 {
		p := g.Poller("")
		s := p.Upgrade()
		s.Send("2probe")
		s.Want("3probe")
		early := poll(g, t.Context(), p) // may come before the packet
		s.Send("5")
		if answer := <-early; answer.Status != http.StatusBadRequest {
			t.Fatalf("the poll was answered with %d %s", answer.Status, answer.Body)
		}
	}
}

func TestAWebSocketFromTheStartCannotBeUpgraded(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	open := g.Dial(socketPath).Next()
	sid, _, _ := strings.Cut(strings.TrimPrefix(open, `0{"sid":"`), `"`)
	if answer := g.Request(http.MethodGet, gatewaytest.Polling+"&sid="+sid, ""); answer.Status != http.StatusBadRequest {
		t.Errorf("a poll was answered with %d %s", answer.Status, answer.Body)
	}
	g.Dial(socketPath+"&sid="+sid).WantClose(1002, "protocol_error")
}

func TestAProbeThatFailsLeavesTheSessionPolling(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=10s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=10s")
	p := listener(t, g)
	for _, frames := range [][]string{{"2"}, {"5"}, {"40/stream,"}, {"2probe", "4"}, {"2probe", "2probe"}} {
		s := p.Upgrade()
		s.Send(frames...)
		for {
			if _, _, err := s.ReadMessage(); err != nil {
				break
			}
		}
	}
	gone := p.Upgrade()
	gone.Send("2probe")
	gone.Want("3probe")
	gone.Close() //nolint:errcheck // to break it is what the test wants
	gatewaytest.Eventually(t, "polls wait again", func() bool {
		waiting := poll(g, t.Context(), p)
		g.Post("news", `{"n":1}`)
		return strings.Contains((<-waiting).Body, `{"n":1}`)
	})
}

func TestAProbeThatNeverUpgradesIsGivenUp(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=500ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=500ms")
	p := listener(t, g)
	given := make(chan struct{})
	silent := p.Upgrade()
	go func() {
		defer close(given)
		silent.ReadMessage() //nolint:errcheck // it fails when the gateway gives up
	}()
	for up := false; !up; { // the session goes on meanwhile
		switch answer := p.Poll().Body; {
		case strings.HasPrefix(answer, "2"):
			p.Send("3")
		case !strings.HasPrefix(answer, `42/stream,["offset",`):
			t.Fatalf("the poll was answered with %s", answer)
		}
		select {
		case <-given:
			up = true
		default:
		}
	}
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
}

// A client that has stopped polling and not yet moved learns on the WebSocket that it is not to come back.
func TestASessionThatEndsDuringTheUpgradeSaysSoOnTheWebSocket(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	g.Presence.Close("c1", contract.ReasonDisconnected)
	s.Send("5")
	s.Want("41/stream,")
	s.WantClose(1000, "disconnected")
}

func TestTheEndOfTheGatewayDoesNotWaitForAProbe(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	g.Stop()
	s.Send("5")
	s.WantClose(1012, "shutting_down")
}

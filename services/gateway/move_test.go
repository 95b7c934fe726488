package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// probed opens the WebSocket that a session moves to, up to the answer to its probe.
func probed(t *testing.T, p *gatewaytest.Poller) *gatewaytest.Socket {
	t.Helper()
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	return s
}

// heard gives the numbers of the messages that a socket gets, up to the last one.
func heard(t *testing.T, s *gatewaytest.Socket, last int) string {
	t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), fmt.Sprintf(`"n":%d`, last)) {
		switch text := s.Next(); {
		case text == "2":
			s.Send("3")
		default:
			all.WriteString(text)
		}
	}
	return all.String()
}

// onceInOrder fails unless the messages from first to last came once each and in order.
func onceInOrder(t *testing.T, got string, first, last int) {
	t.Helper()
	if strings.Contains(got, `"catchup":true`) {
		t.Errorf("a client that was not away is told that it was: %s", got)
	}
	at := 0
	for n := first; n <= last; n++ {
		one := fmt.Sprintf(`"n":%d,`, n)
		found := strings.Index(got[at:], one)
		if found < 0 || strings.Count(got, one) != 1 {
			t.Fatalf("message %d did not come once and in order: %s", n, got)
		}
		at += found
	}
}

func TestAnUpgradeAtAnotherGatewayMovesTheSessionThere(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	third := holder.Beside()
	waiting := polling(t, t.Context(), third, p) // by way of a third gateway
	gatewaytest.Eventually(t, "the holder has the poll", func() bool { return holder.Service.Relayed() == 1 })
	s := probed(t, p)
	if got := (<-waiting).Body; got != "6" {
		t.Errorf("the poll that waits was answered with %s, want a noop", got)
	}
	p.Want("6") // so is one that comes while the client moves
	other.Store("news", said(1))
	other.Store("news", said(2))
	gatewaytest.Eventually(t, "the holder has both for the client", func() bool {
		return strings.Contains(holder.Metrics(), "channelstream_gateway_deliveries_total 2")
	})
	s.Send("5")
	first := heard(t, s, 2)
	other.Store("news", said(3))
	onceInOrder(t, first+heard(t, s, 3), 1, 3)
	s.Send(`42/stream,1["are you there"]`)
	s.Want("43/stream,1[]")
	for name, g := range map[string]*gatewaytest.Gateway{`polling"} 0`: holder, `websocket"} 1`: other} {
		if want := `channelstream_gateway_sessions{transport="` + name; !strings.Contains(g.Metrics(), want) {
			t.Errorf("%s is not among the metrics %s", want, g.Metrics())
		}
	}
	if !strings.Contains(holder.Metrics(), `channelstream_gateway_closed_total{reason="moved"} 1`) {
		t.Error("the holder does not count the session as moved")
	}
}

func TestAMovedSessionIsWhatItWas(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	other.Presence.Allow("alice", "sport")
	p.Send("40")
	p.Want(`40{"sid":"`)
	s := probed(t, p)
	s.Send("5")
	s.Send(`42["join",["sport","secret"]]`)
	for _, want := range []string{"2", `42["join",["sport"]]`} {
		s.Want(want)
	}
	if got := other.Presence.Move("c1", "news"); !got.Held {
		t.Error("presence does not find the session")
	}
	s.Want(`42["leave",["sport"]]`)
	s.Want(`42/stream,["leave",["sport"]]`)
	other.PostToUser("alice", `{"private":1}`)
	s.Want(`42["message",[{"private":1}]]`)
	s.Want(`42/stream,["message",[{"private":1}]]`)
	other.Presence.Close("c1", contract.ReasonReplaced)
	s.Want("41")
	s.Want("41/stream,")
	s.WantClose(1000, "replaced")
}

// The order of presence finds nobody then: the holder has given the session away, and nobody else has it yet.
func TestAMovedClientIsToldWhatTheAppChangedMeanwhile(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	s := probed(t, p)
	other.Presence.Shift("c1", "sport")
	s.Send("5")
	s.Want("2")
	s.Want(`42/stream,["join",["sport"]]`)
	s.Want(`42/stream,["leave",["news"]]`)
	other.Post("sport", `{"n":1}`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
}

// The order to close finds nobody then, as above, and the client that moves must not take the connection from the newer socket.
func TestAClientThatMovesLosesItsConnectionToANewerSocket(t *testing.T) {
	t.Parallel()
	holder, _, p := strayed(t)
	s := probed(t, p)
	newer := holder.Presence.Take("c1")
	s.Send("5")
	s.Want("2")
	s.Want("41/stream,")
	s.WantClose(1000, "replaced")
	if got := holder.Presence.Holder("c1"); got != newer {
		t.Errorf("the connection is held by %s, want %s", got, newer)
	}
}

func TestAClientThatTheAppDisconnectsWhileItMovesIsToldSo(t *testing.T) {
	t.Parallel()
	holder, _, p := strayed(t)
	s := probed(t, p)
	holder.Presence.Forget("c1")
	s.Send("5")
	s.Want("2")
	s.Want("41/stream,")
	s.WantClose(1000, "disconnected")
}

func TestARefusalThatWaitsForItsTimeMovesWithTheSession(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	p := holder.Poller("").At(holder.Beside())
	p.Send(`40/stream,{"username":"alice","sig":"guess"}`)
	s := probed(t, p)
	s.Send("5")
	for got := s.Next(); !strings.HasPrefix(got, "44/stream,"); got = s.Next() {
		if got != "2" {
			t.Errorf("got %s", got)
		}
	}
}

func TestAMovedClientComesBackWhereItStopped(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	p.Send("3")
	s := probed(t, p)
	s.Send("5")
	at := other.Store("news", said(1))
	onceInOrder(t, heard(t, s, 1), 1, 1)
	s.Send(`42/stream,1["here"]`) // what came before is acknowledged with this
	for got := s.Next(); got != "43/stream,1[]"; got = s.Next() {
		if got != "2" {
			t.Errorf("got %s", got)
		}
	}
	s.Drop()
	gatewaytest.Eventually(t, "the connection is free", func() bool { return !holder.Presence.Holds("c1") })
	if got := holder.Presence.Offset("c1"); got < at {
		t.Errorf("presence has it at %d, want %d", got, at)
	}
}

func TestASessionWithoutANamespaceMovesToo(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	other := holder.Beside()
	p := holder.Poller(gatewaytest.Credentials("alice")).At(other)
	s := probed(t, p)
	s.Send("5", "40/stream,") // with what the handshake said
	s.Want("2")
	s.Want(`40/stream,{"sid":"`)
	s.Send("40")
	s.Want(`40{"sid":"`)
}

func TestAfterAMoveRequestsOfTheOldTransportAreRefused(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	s := probed(t, p)
	s.Send("5", `42/stream,1["are you there"]`)
	s.Want("2")
	s.Want("43/stream,1[]")
	wantRefused(t, "a poll at the new gateway", p.Poll(), badRequest)
	wantRefused(t, "a post at the new gateway", p.Post("3"), badRequest)
	wantRefused(t, "a poll at the old gateway", p.At(holder).Poll(), unknownSession)
	wantRefused(t, "a poll at a third gateway", p.At(other.Beside()).Poll(), unknownSession)
	s.Send(`42/stream,2["still there"]`)
	s.Want("43/stream,2[]")
}

func TestASecondUpgradeAtATimeIsClosedAtEveryGateway(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	probed(t, p)
	for _, g := range []*gatewaytest.Gateway{holder, other, holder.Beside()} {
		g.Dial("/socket.io/?EIO=4&transport=websocket&sid="+p.SID).WantClose(1002, "protocol_error")
	}
}

func TestAProbeThatFailsAtAnotherGatewayLeavesTheSessionPolling(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	for _, frames := range [][]string{{"2"}, {"5"}, {"40/stream,"}, {"2probe", "4"}} {
		gatewaytest.Eventually(t, "a socket may be tried", func() bool {
			s := other.Dial("/socket.io/?EIO=4&transport=websocket&sid=" + p.SID)
			s.Send(frames...)
			for {
				if _, _, err := s.ReadMessage(); err != nil {
					return !websocket.IsCloseError(err, websocket.CloseProtocolError) // another one is still tried
				}
			}
		})
	}
	gatewaytest.Eventually(t, "polls wait again", func() bool {
		waiting := polling(t, t.Context(), other, p)
		other.Post("news", `{"n":1}`)
		return strings.Contains((<-waiting).Body, `{"n":1}`)
	})
}

// The gateway that tried the socket can not say any more that nothing came of it.
func TestASessionPollsAgainWhenTheGatewayDiesThatItWasToMoveTo(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=400ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=400ms")
	probed(t, p)
	other.Cut()
	here := p.At(holder)
	ctx, cancel := context.WithTimeout(t.Context(), gatewaytest.Patience)
	defer cancel()
	for ctx.Err() == nil {
		switch answer := here.Poll(); {
		case answer.Body == "6":
		case strings.HasPrefix(answer.Body, "2"):
			here.Send("3")
		case strings.HasPrefix(answer.Body, `42/stream,["message"`):
			return
		}
		holder.Post("news", `{"n":1}`)
		if ws, _, err := holder.TryDial("/socket.io/?EIO=4&transport=websocket&sid=" + p.SID); err == nil {
			ws.Send("2probe")
			if _, answer, err := ws.ReadMessage(); err == nil && string(answer) == "3probe" {
				return
			}
		}
	}
	t.Error("the session can not be upgraded again")
}

func TestASessionThatEndsWhileItMovesSaysSoOnTheWebSocket(t *testing.T) {
	t.Parallel()
	holder, _, p := strayed(t)
	s := probed(t, p)
	holder.Presence.Close("c1", contract.ReasonDisconnected)
	s.Send("5")
	s.Want("41/stream,")
	s.WantClose(1000, "disconnected")
}

func TestAMoveIsRefusedWhereThereIsNoRoomAndTheClientGoesOnPolling(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	full := holder.Beside("CHANNELSTREAM_MAX_SESSIONS=1")
	full.Engine("")
	p := holder.StreamPoller("alice").At(full)
	if _, response, err := full.TryDial("/socket.io/?EIO=4&transport=websocket&sid=" + p.SID); err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the upgrade: %v, %v", err, response)
	}
	p.Send(`42/stream,1["still there"]`)
	p.Want("43/stream,1[]")
	s := probed(t, p.At(holder))
	s.Send("5")
	s.Send(`42/stream,2["still there"]`)
	s.Want("43/stream,2[]")
}

func TestAClientThatMovesWhilePresenceIsAwayComesBackByItself(t *testing.T) {
	t.Parallel()
	holder, _, p := strayed(t)
	s := probed(t, p)
	holder.Presence.Fail(contract.Unavailable("not now"))
	s.Send("5")
	s.WantClose(1013, "unavailable")
	holder.Presence.Fail(nil)
}

func TestNothingIsLostOrDoubledWhileManyMoveUnderTraffic(t *testing.T) {
	t.Parallel()
	_, gateways := three(t)
	const clients, messages = 12, 200
	sockets := make([]*gatewaytest.Socket, clients)
	polled := make([]string, clients)
	for i := range sockets {
		id := fmt.Sprint("c", i)
		gateways[0].Presence.Register(id, "alice", "news")
		p := gateways[i%3].Poller("conn_id=" + id).At(gateways[(i+1)%3])
		p.Send("40/stream,")
		p.Want("40/stream,")
		sockets[i] = probed(t, p)
	}
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		for n := range messages {
			gateways[0].Store("news", said(n))
		}
	}()
	for i, s := range sockets {
		s.Send("5")
		polled[i] += heard(t, s, i*messages/clients)
	}
	<-stored
	for i, s := range sockets {
		if !strings.Contains(polled[i], fmt.Sprintf(`"n":%d,`, messages-1)) {
			polled[i] += heard(t, s, messages-1)
		}
		onceInOrder(t, polled[i], 0, messages-1)
	}
}

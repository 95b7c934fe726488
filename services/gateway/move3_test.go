package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// strayed3 is strayed for a client of Engine.IO 3: one that is in / until it asks for more.
func strayed3(t *testing.T, environ ...string) (holder, other *gatewaytest.Gateway, p *gatewaytest.Poller) {
	t.Helper()
	holder = gatewaytest.Start(t, environ...)
	other = holder.Beside(environ...)
	holder.Presence.Register("c1", "alice", "news")
	return holder, other, holder.Poller3("conn_id=c1").At(other)
}

// inStream has a client ask for /stream.
func inStream(p *gatewaytest.Poller) {
	p.Send("10:40/stream,")
	p.Want("2:4010:40/stream,")
}

// exactly fails unless these frames come next.
func exactly(t *testing.T, s *gatewaytest.Socket, frames ...string) {
	t.Helper()
	for _, want := range frames {
		if got := s.Next(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestAnUpgradeOfEngineIO3AtAnotherGatewayMovesTheSessionThere(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed3(t)
	inStream(p)
	waiting := polling(t, t.Context(), holder.Beside(), p)
	gatewaytest.Eventually(t, "the holder has the poll", func() bool { return holder.Service.Relayed() == 1 })
	s := probed(t, p)
	if got := (<-waiting).Body; got != "1:6" {
		t.Errorf("the poll that waits was answered with %s, want a noop", got)
	}
	p.Want("1:6") // so is one that comes while the client moves
	other.Store("news", `{"n":1,"text":"ü"}`)
	gatewaytest.Eventually(t, "the holder has it for the client", func() bool {
		return strings.Contains(holder.Metrics(), "channelstream_gateway_deliveries_total 1")
	})
	p.Send("1:2") // its answer waits for the client
	s.Send("5")
	first := s.Next()
	if !strings.HasPrefix(first, `42/stream,["message",[{"n":1,"text":"\u00fc"`) {
		t.Errorf("what no poll took is %s", first)
	}
	exactly(t, s, "3")
	other.Store("news", `{"n":2,"text":"ü"}`)
	if got := s.Next(); !strings.HasPrefix(got, `42/stream,["message",[{"n":2,"text":"ü"`) {
		t.Errorf("what came then is %s", got)
	}
	s.Send("2", `42/stream,1["are you there"]`)
	exactly(t, s, "3", "43/stream,1[]")
	if !strings.Contains(holder.Metrics(), `channelstream_gateway_closed_total{reason="moved"} 1`) {
		t.Error("the holder does not count the session as moved")
	}
}

func TestAMovedClientOfEngineIO3IsAskedForNoSignOfLifeAndEndsWhenItGivesNone(t *testing.T) {
	t.Parallel()
	_, _, p := strayed3(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=1s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=1s")
	inStream(p)
	s := probed(t, p)
	s.Send("5", "2")
	exactly(t, s, "3")
	for {
		_, text, err := s.ReadMessage()
		if err != nil {
			s.WantClose(contract.ReasonHeartbeatTimeout.CloseCode(), string(contract.ReasonHeartbeatTimeout))
			return
		}
		t.Errorf("it was sent %s", text)
	}
}

func TestAMovedClientOfEngineIO3IsWhereItWas(t *testing.T) {
	t.Parallel()
	t.Run("in the root, where the server connected it, until it asks for another namespace", func(t *testing.T) {
		t.Parallel()
		holder, other, p := strayed3(t)
		p.Want("2:40")
		since := holder.Store("news", `{"n":1}`)
		p.Want(fmt.Sprintf(`%d:42["message",[{"n":1`, len(fmt.Sprintf(`42["message",[{"n":1,"offset":%d}]]`, since))))
		s := probed(t, p)
		s.Send("5", "40/stream,")
		exactly(t, s, "40/stream,")
		exactly(t, s, fmt.Sprintf(`42/stream,["message",[{"n":1,"catchup":true,"offset":%d}]]`, since))
		other.Post("news", `{"n":2}`)
		exactly(t, s, `42/stream,["message",[{"n":2}]]`)
	})
	t.Run("in the root, where it has spoken", func(t *testing.T) {
		t.Parallel()
		_, other, p := strayed3(t)
		p.Want("2:40")
		p.Send(`11:420["here"]`)
		p.Want("5:430[]")
		s := probed(t, p)
		s.Send("5", "40/stream,")
		exactly(t, s, "40/stream,")
		other.Post("news", `{"n":1}`)
		exactly(t, s, `42["message",[{"n":1}]]`, `42/stream,["message",[{"n":1}]]`)
	})
	t.Run("in the namespace that it named", func(t *testing.T) {
		t.Parallel()
		_, other, p := strayed3(t)
		inStream(p)
		s := probed(t, p)
		s.Send("5")
		at := other.Store("news", `{"n":1}`)
		exactly(t, s, fmt.Sprintf(`42/stream,["message",[{"n":1,"offset":%d}]]`, at))
		s.Send(`420["its first word in the root"]`)
		exactly(t, s, "430[]")
		other.Post("news", `{"n":2}`)
		exactly(t, s, `42["message",[{"n":2}]]`, `42/stream,["message",[{"n":2}]]`)
	})
	t.Run("nowhere, until it asks or the server connects it", func(t *testing.T) {
		t.Parallel()
		holder, other, _ := strayed3(t)
		s := probed(t, holder.Poller3("conn_id=c1").At(other))
		s.Send("5")
		exactly(t, s, "40")
		holder.Presence.Register("c2", "bob", "news")
		s = probed(t, holder.Poller3("conn_id=c2").At(other))
		s.Send("5", "40/stream,")
		for got := s.Next(); got != "40/stream,"; got = s.Next() {
			if got != "40" {
				t.Errorf("got %s", got)
			}
		}
	})
	t.Run("nowhere, where it was refused", func(t *testing.T) {
		t.Parallel()
		holder, other, _ := strayed3(t)
		p := holder.Poller3("conn_id=nobody").At(other)
		p.Send("10:40/stream,")
		s := probed(t, p)
		s.Send("5")
		if got := s.Next(); !strings.HasPrefix(got, `44/stream,"`) {
			t.Errorf("got %s", got)
		}
		s.WantNothing()
	})
}

func TestAMovedClientOfEngineIO3IsToldOfItsEnd(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed3(t)
	inStream(p)
	s := probed(t, p)
	s.Send("5")
	s.Send(`42/stream,1["here"]`)
	exactly(t, s, "43/stream,1[]")
	other.Presence.Close("c1", contract.ReasonDisconnected)
	exactly(t, s, "41/stream,")
	s.WantClose(1000, "disconnected")
	holder.Presence.Register("c2", "bob", "news")
	p = holder.Poller3("conn_id=c2").At(other)
	inStream(p)
	s = probed(t, p)
	holder.Presence.Close("c2", contract.ReasonDisconnected) // while it moves
	s.Send("5")
	exactly(t, s, "41/stream,")
	s.WantClose(1000, "disconnected")
}

func TestASessionMovesOnlyInItsOwnRevision(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	other.Dial("/socket.io/?EIO=3&transport=websocket&sid="+p.SID).WantClose(1002, "protocol_error")
	p.Send("3")
	probed(t, p)
	_, other, p = strayed3(t)
	other.Dial("/socket.io/?EIO=4&transport=websocket&sid="+p.SID).WantClose(1002, "protocol_error")
	p.Send("1:2")
	probed(t, p)
}

func TestNothingIsLostOrDoubledWhileClientsOfEngineIO3MoveUnderTraffic(t *testing.T) {
	t.Parallel()
	_, gateways := three(t)
	const clients, messages = 9, 150
	sockets := make([]*gatewaytest.Socket, clients)
	for i := range sockets {
		id := fmt.Sprint("c", i)
		gateways[0].Presence.Register(id, "alice", "news")
		p := gateways[i%3].Poller3("conn_id=" + id).At(gateways[(i+1)%3])
		inStream(p)
		sockets[i] = probed(t, p)
	}
	stored := make(chan struct{})
	go func() {
		defer close(stored)
		for n := range messages {
			gateways[0].Store("news", said(n))
		}
	}()
	got := make([]string, clients)
	for i, s := range sockets {
		s.Send("5")
		got[i] = heard(t, s, i*messages/clients)
	}
	<-stored
	for i, s := range sockets {
		if !strings.Contains(got[i], fmt.Sprintf(`"n":%d,`, messages-1)) {
			got[i] += heard(t, s, messages-1)
		}
		onceInOrder(t, got[i], 0, messages-1)
	}
}

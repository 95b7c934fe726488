package dialog_test

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// older opens a session of Socket.IO protocol 4 as a WebSocket.
func older(t *testing.T, g *gatewaytest.Gateway, query string) *gatewaytest.Socket {
	t.Helper()
	s := g.Dial("/socket.io/?EIO=3&transport=websocket&" + query)
	s.Want(`0{"sid":"`)
	return s
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

func TestAnOlderClientIsConnectedToTheRootByTheServer(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := older(t, g, "conn_id=c1")
	exactly(t, s, "40")
	g.Post("news", `{"n":1}`)
	exactly(t, s, `42["message",[{"n":1}]]`)
	s.Send("40", `420["are you there"]`) // to ask for it is no mistake
	exactly(t, s, "430[]")
	s.Send("41")
	s.WantClose(1000, "left")
}

func TestAnOlderClientThatAsksForANamespaceGetsMessagesOnlyThere(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := older(t, g, "conn_id=c1")
	s.Send("40/stream,")
	exactly(t, s, "40", "40/stream,")
	g.Post("news", `{"n":1}`)
	exactly(t, s, `42/stream,["message",[{"n":1}]]`)
	s.Send(`420["its first word in the root"]`)
	exactly(t, s, "430[]")
	g.Post("news", `{"n":2}`)
	exactly(t, s, `42["message",[{"n":2}]]`, `42/stream,["message",[{"n":2}]]`)
}

func TestCredentialsOfAnOlderClientsConnectPacketGoBeforeThoseOfTheURL(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
	for name, c := range map[string]struct {
		query, connect string
		want           []string
	}{
		"packet":             {"", "40/stream?conn_id=c1,", []string{"40", "40/stream,"}},
		"packet of 1.7":      {"", "40/stream?conn_id=c1", []string{"40", "40/stream,"}},
		"packet before URL":  {"conn_id=stale", "40/stream?conn_id=c1,", []string{"40", "40/stream,"}},
		"other keys only":    {"conn_id=c1", "40/stream?token=x,", []string{"40", "40/stream,"}},
		"none":               {"", "40/stream,", []string{`44/stream,"Send conn_id, or username and sig"`}},
		"unknown":            {"conn_id=x", "40/stream,", []string{`44/stream,"Unknown connection"`}},
		"unknown namespace":  {"conn_id=c1", "40/admin,", []string{`44/admin,"Invalid namespace"`}},
		"root without":       {"", "", []string{`44"Send conn_id, or username and sig"`}},
		"root with bad ones": {"username=alice&sig=1.x", "", []string{`44"The sig is wrong or too old"`}},
	} {
		s := older(t, g, c.query)
		if c.connect != "" {
			s.Send(c.connect)
		}
		for _, want := range c.want {
			if got := s.Next(); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
		s.Close() //nolint:errcheck // the case is over
	}
}

// A client that was refused may ask again; the server does not add a refusal of / to that.
func TestAnOlderClientMayAskAgainAfterARefusal(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "news")
	s := older(t, g, "")
	s.Send("40/stream?conn_id=stale,")
	exactly(t, s, `44/stream,"Unknown connection"`)
	s.Send("40/stream?"+gatewaytest.Credentials("alice")+",", `42/stream,1["join",["news"]]`)
	exactly(t, s, "40", "40/stream,", `42/stream,["join",["news"]]`, `43/stream,1[["news"]]`)
}

func TestAnOlderClientMustBeConnectedToSpeak(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, packet := range []string{`42/stream,["join",["a"]]`, `42["join",["a"]]`} {
		s := older(t, g, gatewaytest.Credentials("alice"))
		s.Send(packet)
		s.WantClose(1002, "protocol_error")
	}
}

func TestAnOlderClientIsGivenNothingToRecoverWith(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := older(t, g, "conn_id=c1")
	s.Send("40/stream,")
	exactly(t, s, "40", "40/stream,")
	g.Store("news", `{"n":1}`)
	if got := s.Next(); !strings.HasPrefix(got, `42/stream,["message",[{"n":1,"offset":`) || !strings.HasSuffix(got, "}]]") {
		t.Errorf("got %s", got)
	}
}

func TestTheServerConnectsNobodyToTheRootWhoHasAskedForSomething(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s, refused := older(t, g, "conn_id=c1"), older(t, g, "conn_id=x")
	s.Send("40/stream,")
	exactly(t, s, "40", "40/stream,")
	refused.Send("40/stream,")
	exactly(t, refused, `44/stream,"Unknown connection"`)
	exactly(t, older(t, g, gatewaytest.Credentials("bob")), "40") // came later, so the time of the others is over, too
	s.WantNothing()
	refused.WantNothing()
}

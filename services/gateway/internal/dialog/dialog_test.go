package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCredentialsOfTheConnectPacketGoBeforeThoseOfTheURL(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for name, c := range map[string]struct{ query, connect, answer string }{
		"query":             {"conn_id=c1", `40/stream,`, `40/stream,{"sid":"`},
		"auth":              {"", `40/stream,{"conn_id":"c1"}`, `40/stream,{"sid":"`},
		"auth before query": {"conn_id=wrong", `40/stream,{"conn_id":"c1"}`, `40/stream,{"sid":"`},
		"of the namespace":  {"", `40/stream?conn_id=c1,`, `40/stream,{"sid":"`},
		"other keys only":   {"conn_id=c1", `40/stream,{"token":"x"}`, `40/stream,{"sid":"`},
		"no object":         {"conn_id=c1", `40/stream,{"conn_id":7}`, `40/stream,{"sid":"`},
		"empty":             {"", `40/stream,{}`, `44/stream,{"message":"Send conn_id, or username and sig"}`},
		"unknown":           {"conn_id=x", `40/stream,`, `44/stream,{"message":"Unknown connection"}`},
		"control character": {"", `40/stream,{"conn_id":"c\u00011"}`, `44/stream,{"message":"Unknown connection"}`},
		"long":              {"", `40/stream,{"conn_id":"` + strings.Repeat("x", 129) + `"}`, `44/stream,{"message":"Unknown connection"}`},
		"long user":         {"", `40/stream,{"user":"` + strings.Repeat("x", 513) + `","sig":"x"}`, `44/stream,{"message":"The sig is wrong or too old"}`},
		"user without sig":  {"", `40/stream,{"user":"alice"}`, `44/stream,{"message":"Send conn_id, or username and sig"}`},
		"root":              {"conn_id=c1", `40`, `40{"sid":"`},
		"unknown namespace": {"conn_id=c1", `40/admin,`, `44/admin,{"message":"Invalid namespace"}`},
	} {
		s := g.Engine(c.query)
		s.Send(c.connect)
		if got := s.Next(); !strings.HasPrefix(got, c.answer) {
			t.Errorf("%s: got %s, want %s", name, got, c.answer)
		}
		s.Close() //nolint:errcheck // the case is over
	}
}

func TestASignatureHasTwoNames(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, query := range []string{
		gatewaytest.Credentials("alice"),
		strings.Replace(gatewaytest.Credentials("alice"), "sig=", "signature=", 1),
		strings.Replace(gatewaytest.Credentials("alice"), "username=", "user=", 1),
	} {
		s := g.Engine(query)
		s.Send("40/stream,")
		s.Want(`40/stream,{"sid":"`)
	}
}

func TestAConnIdIsWrittenInOneForm(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	const id = "0b3f23e2-0000-4000-8000-000000000000"
	g.Presence.Register(id, "alice")
	s := g.Engine("conn_id=" + strings.ToUpper(strings.ReplaceAll(id, "-", "")))
	s.Send("40/stream,")
	s.Want(`40/stream,{"sid":"`)
}

func TestJoinAndLeaveAreAnsweredBeforeTheFirstMessage(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "a", "b")
	s := g.Stream("alice")
	s.Send(`42/stream,["join",["b","a","c"],"a"]`)
	s.Want(`42/stream,["join",["a","b"]]`)
	g.Post("a", `{"n":1}`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
	s.Send(`42/stream,1["leave","a"]`)
	s.Want(`42/stream,["leave",["a"]]`)
	s.Want(`43/stream,1[["a"]]`)
	g.Post("a", `{"n":2}`)
	g.Post("b", `{"n":3}`)
	s.Want(`42/stream,["message",[{"n":3}]]`)
	s.Send(`42/stream,2["leave","a"]`)
	s.Want(`42/stream,["leave",[]]`)
	s.Want(`43/stream,2[[]]`)
}

func TestBothNamespacesShareOneConnection(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,", "40")
	s.Want(`40/stream,{"sid":"`)
	s.Want(`40{"sid":"`)
	g.Post("news", `{"n":1}`)
	s.Want(`42["message",[{"n":1}]]`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
	g.Presence.Move("c1", "news", "sport")
	s.Want(`42["join",["sport"]]`)
	s.Want(`42/stream,["join",["sport"]]`)
	s.Send("41", `42/stream,1["fence"]`)
	s.Want("43/stream,1[]")
	g.Post("sport", `{"n":2}`)
	s.Want(`42/stream,["message",[{"n":2}]]`)
	g.Post("news", `{"n":3}`)
	s.Want(`42/stream,["message",[{"n":3}]]`)
	s.Send("41/stream,")
	s.WantClose(1000, "closed")
	gatewaytest.Eventually(t, "the connection is free", func() bool { return !g.Presence.Holds("c1") })
}

func TestASecondNamespaceNeedsTheSameConnection(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
	g.Presence.Register("c2", "alice")
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want(`40/stream,{"sid":"`)
	s.Send(`40{"conn_id":"c2"}`)
	s.Want(`44{"message":"This connection has other credentials"}`)
	if g.Presence.Holds("c2") {
		t.Error("the other connection is held")
	}
}

func TestEventsThatAreNotOursAreAckedIfAsked(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	s := g.Stream("alice")
	s.Send(`42/stream,["news",{"any":"thing"}]`, `43/stream,5["an ack of nothing"]`, `42/stream,6["news"]`)
	s.Want(`43/stream,6[]`)
}

func TestAFarewellTellsOnlyThoseWhoAreNotToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for reason, farewell := range map[contract.Reason]bool{
		contract.ReasonDisconnected: true, contract.ReasonReplaced: true, contract.ReasonDraining: false,
	} {
		id := "c-" + string(reason)
		g.Presence.Register(id, "alice")
		s := g.Engine("conn_id=" + id)
		s.Send("40", "40/stream,")
		s.Want(`40{"sid":"`)
		s.Want(`40/stream,{"sid":"`)
		g.Presence.Close(id, reason)
		if farewell {
			s.Want("41")
			s.Want("41/stream,")
		}
		s.WantClose(reason.CloseCode(), string(reason))
	}
}

func TestAStaleSignatureIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_USER_SIGNATURE_MAX_AGE=1s")
	query := gatewaytest.Credentials("alice")
	deadline := time.Now().Add(gatewaytest.Patience)
	for n := 0; ; n++ {
		s := g.Engine(query)
		s.Send("40/stream,")
		if got := s.Next(); got == `44/stream,{"message":"The sig is wrong or too old"}` {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint("the signature is still good after ", n, " tries"))
		}
		s.Close() //nolint:errcheck // the try is over
	}
}

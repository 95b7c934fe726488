package dialog_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
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
	s.WantClose(1000, "left")
	gatewaytest.Eventually(t, "the connection is free", func() bool { return !g.Presence.Holds("c1") })
}

func TestOnlyAClientThatSaysSoLeaves(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for id, end := range map[string]func(s *gatewaytest.Socket){
		"disconnect": func(s *gatewaytest.Socket) { s.Send("41/stream,") },
		"both":       func(s *gatewaytest.Socket) { s.Send("40"); s.Want("40{"); s.Send("41/stream,", "41") },
		"one":        func(s *gatewaytest.Socket) { s.Send("40"); s.Want("40{"); s.Send("41/stream,", "1") },
		"another":    func(s *gatewaytest.Socket) { s.Send("41", "41/elsewhere,", "1") },
		"close":      func(s *gatewaytest.Socket) { s.Send("1") },
		"gone":       func(s *gatewaytest.Socket) { s.Drop() },
	} {
		g.Presence.Register(id, "alice")
		s := g.Engine("conn_id=" + id)
		s.Send("40/stream,")
		s.Want("40/stream,{")
		end(s)
		gatewaytest.Eventually(t, "the connection is free", func() bool { return !g.Presence.Holds(id) })
		if left := g.Presence.Left(id); left != (id == "disconnect" || id == "both") {
			t.Errorf("%s: the client has left: %v", id, left)
		}
	}
}

func TestAClientThatLeftDoesNotGoOnWhereItStopped(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for _, query := range []string{"conn_id=c1", gatewaytest.Credentials("alice")} {
		s := g.Engine(query)
		s.Send("40/stream,")
		before := welcomed(t, s, "40/stream,")
		at := g.Store("news", `{"n":1}`)
		s.Send("41/stream,")
		s.WantClose(1000, "left")
		connection := connectionOf(t, before)
		gatewaytest.Eventually(t, "the connection is free", func() bool { return !g.Presence.Holds(connection) })
		g.Store("news", `{"n":2}`)
		s = g.Engine(query)
		s.Send(fmt.Sprintf(`40/stream,{"pid":%q,"offset":"%d"}`, before.PID, at))
		if now := welcomed(t, s, "40/stream,"); now.PID == before.PID || now.SID == before.SID {
			t.Errorf("the client is recovered: %+v", now)
		}
		s.Want(fmt.Sprintf(`42/stream,["missed",{"type":"missed","channel":null,"since":%d}`, at))
		s.Send(`42/stream,1["fence"]`)
		s.Want("43/stream,1[]")
		s.Send("41/stream,")
		s.WantClose(1000, "left")
	}
}

type ids struct{ SID, PID string }

// connectionOf reads the conn_id of a private id.
func connectionOf(t *testing.T, welcome ids) string {
	t.Helper()
	token, _, _ := strings.Cut(welcome.PID, ".")
	connection, err := contract.DecodeToken(token)
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

// welcomed reads the answer to a connect packet.
func welcomed(t *testing.T, s *gatewaytest.Socket, begin string) (welcome ids) {
	t.Helper()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(s.Want(begin), begin)), &welcome); err != nil {
		t.Fatal(err)
	}
	return welcome
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

func TestAClientOfTheOtherParserIsRefusedInItsOwnWords(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	refusal := func(ns string) string {
		packet := socketio.AppendMsgpackError(nil, ns, "Use the default parser: socket.io-msgpack-parser is not served")
		return "b" + base64.StdEncoding.EncodeToString(packet)
	}
	const hello = "\x83\xa4type\x00\xa3nsp\xa7/stream\xa4data\x80"
	s := g.Engine(gatewaytest.Credentials("alice"))
	if err := s.WriteMessage(websocket.BinaryMessage, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	s.Want(refusal("/"))
	s.Want(refusal("/stream"))
	p := g.Poller(gatewaytest.Credentials("alice"))
	p.Send("b" + base64.StdEncoding.EncodeToString([]byte(hello)))
	if got := p.Want("b"); got != refusal("/")+"\x1e"+refusal("/stream") {
		t.Errorf("got %q", got)
	}
	s.Send("40/stream,") // one that tries again with the right one
	s.Want("40/stream,{")
	if err := s.WriteMessage(websocket.BinaryMessage, []byte("an attachment")); err != nil {
		t.Fatal(err)
	}
	s.Send(`42/stream,1["fence"]`)
	s.Want("43/stream,1[]")
}

func TestWebTransportIsNoTransportHere(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	answer := g.Request(http.MethodGet, "/socket.io/?EIO=4&transport=webtransport", "")
	if answer.Status != http.StatusBadRequest || answer.Body != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("answered %d %s", answer.Status, answer.Body)
	}
	open := g.Request(http.MethodGet, gatewaytest.Polling, "")
	if !strings.Contains(open.Body, `"upgrades":["websocket"]`) {
		t.Errorf("a session begins with %s", open.Body)
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

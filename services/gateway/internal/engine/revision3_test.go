package engine_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

const polling3 = "/socket.io/?EIO=3&transport=polling&b64=1"

// poller3 is a session of Engine.IO 3 that polls.
type poller3 struct {
	g    *gatewaytest.Gateway
	t    *testing.T
	sid  string
	path string
}

func openPoller3(t *testing.T, g *gatewaytest.Gateway, query string) *poller3 {
	t.Helper()
	open := g.Request(http.MethodGet, polling3+"&"+query, "").Body
	_, rest, _ := strings.Cut(open, `:0{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if sid == "" {
		t.Fatalf("the handshake was answered with %s", open)
	}
	return &poller3{g: g, t: t, sid: sid, path: polling3 + "&sid=" + sid}
}

func (p *poller3) want(begin string) {
	p.t.Helper()
	if answer := p.g.Request(http.MethodGet, p.path, ""); answer.Status != http.StatusOK || !strings.HasPrefix(answer.Body, begin) {
		p.t.Fatalf("the poll was answered with %d %s, want %s", answer.Status, answer.Body, begin)
	}
}

func (p *poller3) post(payload string, headers ...string) gatewaytest.Answer {
	p.t.Helper()
	return p.g.Request(http.MethodPost, p.path, payload, headers...)
}

func (p *poller3) send(payload string, headers ...string) {
	p.t.Helper()
	if answer := p.post(payload, headers...); answer.Body != "ok" {
		p.t.Fatalf("post %s: %d %s", payload, answer.Status, answer.Body)
	}
}

// socket3 opens a session of Engine.IO 3 as a WebSocket.
func socket3(t *testing.T, g *gatewaytest.Gateway, query string) *gatewaytest.Socket {
	t.Helper()
	s := g.Dial("/socket.io/?EIO=3&transport=websocket&" + query)
	s.Want(`0{"sid":"`)
	return s
}

func TestAClientOfEngineIO3GetsPacketsBehindTheirLength(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := openPoller3(t, g, "conn_id=c1")
	p.send("10:40/stream,")
	p.want("2:4010:40/stream,")
	g.Post("news", `{"text":"ü"}`)
	p.want(`41:42/stream,["message",[{"text":"\u00fc"}]]`)
}

// Clients 1.0 to 1.3 in a browser read nothing else. Engine.IO protocol 3, section "Payload".
func TestAClientThatDoesNotAskForTextGetsPayloadsOfBytes(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := openPoller3(t, g, "conn_id=c1")
	p.path = strings.Replace(p.path, "&b64=1", "", 1)
	p.send("10:40/stream,")
	p.want("\x00\x02\xff40\x00\x01\x00\xff40/stream,")
	g.Post("news", `{"text":"ü"}`)
	p.want("\x00\x04\x01\xff" + `42/stream,["message",[{"text":"\u00fc"}]]`)
	open := g.Request(http.MethodGet, strings.Replace(polling3, "&b64=1", "", 1), "")
	if body := open.Body; open.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(body, "\x00") || !strings.Contains(body, "\xff0{") {
		t.Errorf("the handshake was answered with %v, %q", open.Header, body)
	}
}

func TestAClientThatAsksForEngineIO2SpeaksThree(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	if body := g.Request(http.MethodGet, strings.Replace(polling3, "EIO=3", "EIO=2", 1), "").Body; !strings.Contains(body, `:0{"sid":"`) {
		t.Errorf("the handshake was answered with %s", body)
	}
}

// Engine.IO protocol 3: the client pings, the server answers, and says no ping itself.
func TestPingsOfTheClientAreAnswered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=300ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=300ms")
	p := openPoller3(t, g, "")
	s := socket3(t, g, "")
	for range 5 {
		p.send("1:2")
		p.want("1:3")
		s.Send("2")
		if got := s.Next(); got != "3" {
			t.Errorf("a ping was answered with %s", got)
		}
	}
}

func TestASilentSessionOfEngineIO3IsClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=300ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=200ms")
	s := socket3(t, g, "")
	s.Send("2")
	s.Want("3")
	began := time.Now()
	s.WantClose(1008, "heartbeat_timeout")
	if silence := time.Since(began); silence < 450*time.Millisecond {
		t.Errorf("it ended after %s of silence, want an interval and a timeout", silence)
	}
}

func TestAnUpgradeOfEngineIO3MovesWhatIsKept(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := openPoller3(t, g, "conn_id=c1")
	p.send("10:40/stream,")
	p.want("2:4010:40/stream,")
	s := g.Dial("/socket.io/?EIO=3&transport=websocket&sid=" + p.sid)
	s.Send("2probe")
	s.Want("3probe")
	p.want("1:6")
	g.Post("news", `{"n":1}`)
	g.Post("news", `{"n":2}`)
	s.Send("5")
	var got string
	for !strings.Contains(got, `{"n":2}`) {
		got += s.Next()
	}
	if numbers := strings.NewReplacer(`42/stream,["message",[`, "", "]]", "", ",", "").Replace(got); numbers != `{"n":1}{"n":2}` {
		t.Errorf("got %s", got)
	}
}

// JSONP polling: the page gets a script, and posts a form.
func TestAPageOfAnotherOriginPollsByScripts(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=jsonp-polling")
	g.Presence.Allow("alice", "a\nb", "news")
	p := openScript(t, g, gatewaytest.Credentials("alice"))
	p.send("d="+url.QueryEscape("10:40/stream,"), "Content-Type", "application/x-www-form-urlencoded")
	answer := g.Request(http.MethodGet, p.path, "")
	if answer.Body != `___eio[3]("2:4010:40/stream,");` || answer.Header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
		t.Errorf("answered with %s, %v", answer.Body, answer.Header)
	}
	p.send("d="+url.QueryEscape(`27:42/stream,["join",["news"]]`), "Content-Type", "application/x-www-form-urlencoded")
	p.want(`___eio[3]("27:42/stream,[\"join\",[\"news\"]]");`)
	if answer := g.Request(http.MethodGet, polling3, ""); answer.Status != http.StatusBadRequest {
		t.Errorf("polling that is not offered was answered with %d", answer.Status)
	}
	for _, j := range []string{"", "0](alert(1))//", "-1", "12345678901"} {
		if answer := g.Request(http.MethodGet, polling3+"&j="+url.QueryEscape(j), ""); answer.Status != http.StatusBadRequest {
			t.Errorf("j=%s was answered with %d %s", j, answer.Status, answer.Body)
		}
	}
}

func openScript(t *testing.T, g *gatewaytest.Gateway, query string) *poller3 {
	t.Helper()
	open := g.Request(http.MethodGet, polling3+"&j=3&"+query, "").Body
	_, rest, found := strings.Cut(open, `:0{\"sid\":\"`)
	sid, _, _ := strings.Cut(rest, `\"`)
	if !found || !strings.HasPrefix(open, "___eio[3](") {
		t.Fatalf("the handshake was answered with %s", open)
	}
	return &poller3{g: g, t: t, sid: sid, path: polling3 + "&j=3&sid=" + sid}
}

func TestABinaryPayloadIsTaken(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := openPoller3(t, g, gatewaytest.Credentials("alice"))
	p.send("\x00\x01\x00\xff40/stream,\x01\x02\xff\x04x", "Content-Type", "application/octet-stream")
	p.want("2:4010:40/stream,")
}

func TestAMalformedPayloadOfEngineIO3EndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, payload := range []string{"", "abc", "3:2", "1:9", "2", strings.Repeat("1:6", 1001)} {
		p := openPoller3(t, g, "")
		if answer := p.post(payload); answer.Status != http.StatusBadRequest {
			t.Errorf("%.20q was answered with %d %s", payload, answer.Status, answer.Body)
		}
		if answer := g.Request(http.MethodGet, p.path, ""); answer.Status != http.StatusBadRequest {
			t.Errorf("%.20q: a poll after it was answered with %d %s", payload, answer.Status, answer.Body)
		}
	}
}

func TestASecondPollOfEngineIO3EndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := openPoller3(t, g, "")
	answers := make(chan string, 2)
	for range 2 {
		go func() {
			answer, err := g.TryRequest(context.WithoutCancel(t.Context()), http.MethodGet, p.path, "")
			if err != nil {
				answer.Body = err.Error()
			}
			answers <- answer.Body
		}()
	}
	got := map[string]bool{<-answers: true, <-answers: true}
	if !got["1:1"] || !got[`{"code":3,"message":"Bad request"}`] {
		t.Errorf("the polls were answered with %v", got)
	}
}

func TestAClientOfEngineIO3IsToldNotToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := openPoller3(t, g, "conn_id=c1")
	p.send("10:40/stream,")
	p.want("2:4010:40/stream,")
	g.Presence.Close("c1", contract.ReasonDisconnected)
	p.want("10:41/stream,")
	p.want("1:1")
}

// A client whose first attempt failed, and who is back by another, must not lose its connection to what is left of the first.
func TestNoSessionThatNobodyListensToTakesTheConnection(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	left := openPoller3(t, g, "conn_id=c1")
	back := socket3(t, g, "conn_id=c1")
	back.Send("40/stream,")
	back.Want("40")
	back.Want("40/stream,")
	later := openPoller3(t, g, "conn_id=c2")
	later.want("2:40") // so the time of the first has come, too
	g.Post("news", `{"n":1}`)
	back.Want(`42/stream,["message",[{"n":1}]]`)
	left.want("2:40")
	back.WantClose(1000, "replaced")
}

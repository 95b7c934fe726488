package engine09_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestAClientJoinsGetsMessagesAndLeaves(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "a", "b")
	s := g.Client09(gatewaytest.Credentials("alice")).Socket()
	s.Send("1::/stream", `5::/stream:{"name":"join","args":[["b","a","c"]]}`)
	s.Want("1::/stream")
	s.Want(`5::/stream:{"name":"join","args":[["a","b"]]}`)
	g.Post("a", `{"n":1}`)
	if got := s.Next(); got != `5::/stream:{"name":"message","args":[[{"n":1}]]}` {
		t.Errorf("got %s", got)
	}
	s.Send(`5:1+:/stream:{"name":"leave","args":["a"]}`)
	s.Want(`5::/stream:{"name":"leave","args":[["a"]]}`)
	s.Want(`6::/stream:1+[["a"]]`)
	g.Post("a", `{"n":2}`)
	g.Post("b", `{"n":3}`)
	s.Want(`5::/stream:{"name":"message","args":[[{"n":3}]]}`)
	s.Send(`5:2+:/stream:{"name":"no such event"}`, "3:3:/stream:text", `4:4:/stream:{"a":1}`, "2::", "6::/stream:1")
	for _, id := range []string{"2", "3", "4"} {
		if got := s.Next(); got != "6::/stream:"+id {
			t.Errorf("got %s", got)
		}
	}
}

func TestAClientThatPollsGetsTheSame(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "ü🎉")
	c := g.Client09(gatewaytest.Credentials("alice"))
	c.Want("1::")
	c.Send("\ufffd10\ufffd1::/stream\ufffd43\ufffd" + `5:1+:/stream:{"name":"join","args":["ü🎉"]}`)
	c.Want("\ufffd10\ufffd1::/stream\ufffd43\ufffd" + `5::/stream:{"name":"join","args":[["ü🎉"]]}` +
		"\ufffd22\ufffd" + `6::/stream:1+[["ü🎉"]]`)
	g.Post("ü🎉", `{"n":"🎉"}`)
	c.Want(`5::/stream:{"name":"message","args":[[{"n":"🎉"}]]}`)
}

func TestAClientWithScriptsAndFormsGetsTheSame(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=jsonp-polling")
	c := g.Client09(gatewaytest.Credentials("alice"))
	poll := func(want string) {
		t.Helper()
		got := g.Request(http.MethodGet, c.Path("jsonp-polling")+"?i=1", "")
		if got.Status != 200 || got.Body != want || got.Header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
			t.Fatalf("got %d %s %s", got.Status, got.Header, got.Body)
		}
	}
	poll(`io.j[1]("1::");`)
	got := g.Request(http.MethodPost, c.Path("jsonp-polling")+"?i=1", "d=%221%3A%3A%2Fstream%22", "Content-Type", "application/x-www-form-urlencoded")
	if got.Status != 200 || got.Body != "1" {
		t.Errorf("a form: %d %s", got.Status, got.Body)
	}
	poll(`io.j[1]("1::/stream");`)
	if got := g.Request(http.MethodGet, c.Path("jsonp-polling")+"?i=alert", ""); got.Status != 400 {
		t.Errorf("what is no number: %d %s", got.Status, got.Body)
	}
	if got := g.Request(http.MethodPost, c.Path("jsonp-polling")+"?i=1", "2::"); got.Status != 400 {
		t.Errorf("what is no form: %d %s", got.Status, got.Body)
	}
}

func TestCredentialsComeInTheURLOrWithTheNamespace(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for name, c := range map[string]struct{ query, connect, answer string }{
		"in the URL":                  {"conn_id=c1", "1::/stream", "1::/stream"},
		"with the namespace":          {"", "1::/stream?conn_id=c1", "1::/stream"},
		"as the stock client says it": {"", "1::/stream:?conn_id=c1", "1::/stream"},
		"none":                        {"", "1::/stream", "7::/stream:2+Send conn_id, or username and sig"},
		"unknown":                     {"conn_id=c2", "1::/stream", "7::/stream:2+Unknown connection"},
		"wrong":                       {"username=alice&sig=x", "1::/stream", "7::/stream:2+The sig is wrong or too old"},
		"for the root":                {"username=alice&sig=x", "1::", "7:::2+The sig is wrong or too old"},
		"other namespace":             {"conn_id=c1", "1::/admin", "7::/admin:2+Invalid namespace"},
		"no slash":                    {"conn_id=c1", "1::chat", "7::chat:2+Invalid namespace"},
	} {
		s := g.Client09(c.query).Socket()
		s.Send(c.connect)
		if got := s.Next(); got != c.answer {
			t.Errorf("%s: got %s, want %s", name, got, c.answer)
		}
		s.Close() //nolint:errcheck // the case is over
	}
}

func TestWhoeverSpeaksAtTheRootIsConnectedToIt(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "a")
	s := g.Client09(gatewaytest.Credentials("alice")).Socket()
	s.Send(`5:1+::{"name":"join","args":["a"]}`)
	s.Want(`5:::{"name":"join","args":[["a"]]}`)
	s.Want(`6:::1+[["a"]]`)
	g.Post("a", `{"n":1}`)
	s.Want(`5:::{"name":"message","args":[[{"n":1}]]}`)
}

func TestWhoeverOnlyListensIsConnectedToTheRootAfterAWhile(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=1s")
	g.Presence.Register("c1", "alice", "news")
	s := g.Client09("conn_id=c1").Socket()
	gatewaytest.Eventually(t, "the connection is attached", func() bool { return g.Presence.Holds("c1") })
	s.Send(`5:1+::{"name":"ready"}`)
	s.Want("6:::1")
	g.Post("news", `{"n":1}`)
	s.Want(`5:::{"name":"message","args":[[{"n":1}]]}`)
	s.Send("1::/stream") // what was taken to be wanted is not
	s.Want("1::/stream")
	s.Send(`5:2+:/stream:{"name":"ready"}`)
	s.Want("6::/stream:2") // it has left the root by then
	g.Post("news", `{"n":2}`)
	s.Want(`5::/stream:{"name":"message","args":[[{"n":2}]]}`)
	s.WantNothing()
}

// What came to the root before was heard by nobody.
func TestWhoeverAsksForANamespaceLateMissesNothing(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=1s")
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", `{"n":0,"catchup":false}`))
	s := g.Client09("conn_id=c1").Socket()
	gatewaytest.Eventually(t, "the connection is attached", func() bool { return g.Presence.Holds("c1") })
	g.Store("news", `{"n":1,"catchup":false}`)
	s.Want(`5:::{"name":"message","args":[[{"n":1,`)
	s.Send("1::/stream")
	s.Want("1::/stream")
	s.Want(`5::/stream:{"name":"message","args":[[{"n":1,"catchup":true`)
	g.Store("news", `{"n":2,"catchup":false}`)
	s.Want(`5::/stream:{"name":"message","args":[[{"n":2,"catchup":false`)
	s.WantNothing()
}

// A client whose first attempt failed, and who is back by another, must not lose its connection to what is left of the first.
func TestNoSessionThatNobodyListensToTakesTheConnection(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=2s")
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	left := g.Client09("conn_id=c1")
	left.Want("1::")
	back := g.Client09("conn_id=c1").Socket()
	back.Send("1::/stream")
	back.Want("1::/stream")
	g.Client09("conn_id=c2").Socket()
	gatewaytest.Eventually(t, "a later session is attached", func() bool { return g.Presence.Holds("c2") })
	g.Post("news", `{"n":1}`)
	back.Want(`5::/stream:{"name":"message","args":[[{"n":1}]]}`)
}

func TestWhoeverAsksForBothNamespacesGetsBoth(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Client09("conn_id=c1").Socket()
	s.Send("1::/stream", "1::", `5:1+::{"name":"ready"}`)
	s.Want("1::/stream")
	s.Want("6:::1")
	g.Post("news", `{"n":1}`)
	s.Want(`5:::{"name":"message","args":[[{"n":1}]]}`)
	s.Want(`5::/stream:{"name":"message","args":[[{"n":1}]]}`)
	s.Send("0::", "")
	s.Want("0::")
}

func TestANamespaceIsConnectedOnce(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	s := g.Stream09("alice")
	s.Send("1::/stream", `5:1+:/stream:{"name":"ready"}`) // as a stock client does that had not got through before
	s.Want("6::/stream:1")
}

func TestAnEventForANamespaceThatIsNotConnectedIsForNobody(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "a")
	s := g.Client09(gatewaytest.Credentials("alice")).Socket()
	s.Send(`5:1+:/stream:{"name":"join","args":["a"]}`, "1::/stream")
	s.Want("1::/stream")
	if joins := g.Presence.Joins(); len(joins) > 0 {
		t.Errorf("joined %v", joins)
	}
}

func TestAClientThatLeavesItsLastNamespaceIsNotToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, leave := range []string{"0::/stream", "0::"} {
		s := g.Stream09("alice")
		s.Send("0::/other", leave)
		s.Want("0::")
		s.WantClose(1000, "left")
	}
	c := g.StreamPoller09("alice")
	c.Send("0::/stream")
	c.Want("0::")
}

func TestAClientIsToldWhetherToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for reason, final := range map[contract.Reason]bool{
		contract.ReasonReplaced: true, contract.ReasonDisconnected: true, contract.ReasonDraining: false,
	} {
		id := string(reason)
		g.Presence.Register(id, "alice")
		c := g.Client09("conn_id=" + id)
		c.Want("1::")
		c.Send("1::/stream")
		c.Want("1::/stream")
		g.Presence.Close(id, reason)
		if final {
			c.Want("0::")
		} else {
			c.WantEnd()
		}
	}
	g.Presence.Register("c1", "alice")
	s := g.Client09("conn_id=c1").Socket()
	s.Send("1::/stream")
	s.Want("1::/stream")
	g.Presence.Close("c1", contract.ReasonReplaced)
	s.Want("0::")
	s.WantClose(1000, "replaced")
}

func TestWhatIsTemporaryHasTheClientComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c := g.Client09(gatewaytest.Credentials("alice"))
	c.Want("1::")
	g.Presence.Fail(contract.Unavailable("not now"))
	c.Send("1::/stream")
	c.WantEnd()
}

func TestARefusedClientIsNotToComeBackWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_CONNECT_TIMEOUT=1s")
	s := g.Client09("username=alice&sig=x").Socket()
	s.Send("1::/stream")
	s.Want("7::/stream:2+The sig")
	s.Want("0::")
	s.WantClose(1002, "protocol_error")
}

func TestWhatBreaksTheProtocolEndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, broken := range []string{"", "9::", "hello", "5:x:/stream:{}", "5::/stream:{}", `5::/stream:{"name":"connect"}`, "\ufffd3\ufffd2::"} {
		s := g.Stream09("alice")
		s.Send(broken)
		s.WantClose(1002, "protocol_error")
	}
	for _, broken := range []string{"", "\ufffd3\ufffd2::x", "2::\ufffd3\ufffd9::\ufffd", strings.Repeat("\ufffd3\ufffd2::", 1001)} {
		c := g.StreamPoller09("alice")
		if got := c.Post(broken); got.Status == http.StatusOK && broken != "2::\ufffd3\ufffd9::\ufffd" {
			t.Errorf("%.20q: %d", broken, got.Status)
		}
	}
	c := g.StreamPoller09("alice")
	if got := c.Post("3:::" + strings.Repeat("x", 64<<10)); got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	c.WantEnd()
}

func TestAClientThatFloodsIsClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_PACKETS_PER_SECOND=10")
	c := g.StreamPoller09("alice")
	for range 3 { // a second may end in between
		c.Post(strings.Repeat("\ufffd3\ufffd2::", 30))
	}
	c.WantEnd()
	if got := g.Metrics(); !strings.Contains(got, "rate_limited") {
		t.Error("the reason is not counted")
	}
}

func TestAnOlderPollIsLetGoByANewerOne(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c := g.StreamPoller09("alice")
	answered := make(chan string, 1)
	go func() {
		answer, err := g.TryRequest(t.Context(), http.MethodGet, c.Path("xhr-polling"), "")
		answered <- answer.Body
		if err != nil {
			t.Error(err)
		}
	}()
	newer := make(chan string, 1)
	gatewaytest.Eventually(t, "the older poll is answered", func() bool {
		go func() {
			answer, _ := g.TryRequest(t.Context(), http.MethodGet, c.Path("xhr-polling"), "") //nolint:errcheck // it is let go too
			select {
			case newer <- answer.Body:
			default:
			}
		}()
		return len(answered) > 0
	})
	if got := <-answered; got != "8::" {
		t.Errorf("the older one got %q", got)
	}
	g.PostToUser("alice", `{"n":1}`)
	for got := ""; !strings.Contains(got, `{"n":1}`); got = <-newer {
		if strings.Contains(got, "7:") {
			t.Fatalf("got %s", got)
		}
	}
}

func TestASidIsOfOneTransport(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	c := g.Client09(gatewaytest.Credentials("alice"))
	if got := g.Request(http.MethodGet, c.Path("websocket"), ""); got.Status != 400 {
		t.Errorf("behind a proxy that knows no upgrade: %d", got.Status)
	}
	c.Want("1::") // by the next transport
	g.Dial(c.Path("websocket")).Want("7:::1+0")

	c = g.Client09(gatewaytest.Credentials("alice"))
	s := c.Socket()
	if got := c.Post("2::"); got.Status != 400 {
		t.Errorf("a POST: %d", got.Status)
	}
	c.Want("7:::1+0") // it heard nothing by its WebSocket
	s.WantClose(1000, "closed")
}

func TestHeartbeatsAreTheProtocols(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=100ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=2s")
	s := g.Client09(gatewaytest.Credentials("alice")).Socket()
	for range 5 {
		s.Want("2::")
		s.Send("2::")
	}
	s.WantClose(1008, "heartbeat_timeout")
	c := g.Client09(gatewaytest.Credentials("alice"))
	c.Want("1::")
	for range 5 {
		c.Want("8::")
	}
	gatewaytest.Eventually(t, "a client that does not poll is closed", func() bool {
		return strings.Contains(g.Metrics(), `reason="heartbeat_timeout"} 2`)
	})
}

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

const reconnect = "7:::1+0"

// strayed09 is a client of 0.9 that polls at one gateway, and whose requests reach another one. It is in /stream and in the channel "news".
func strayed09(t *testing.T, environ ...string) (holder, other *gatewaytest.Gateway, c *gatewaytest.Client09) {
	t.Helper()
	holder = gatewaytest.Start(t, environ...)
	other = holder.Beside(environ...)
	holder.Presence.Register("c1", "alice", "news")
	c = holder.Client09("conn_id=c1").At(other)
	c.Want("1::")
	c.Send("1::/stream")
	c.Want("1::/stream")
	return holder, other, c
}

// polling09 begins a poll. The answer comes on the channel, with status 0 for none.
func polling09(ctx context.Context, g *gatewaytest.Gateway, c *gatewaytest.Client09) <-chan gatewaytest.Answer {
	answered := make(chan gatewaytest.Answer, 1)
	go func() {
		answer, _ := g.TryRequest(ctx, http.MethodGet, c.Path("xhr-polling"), "") // no answer is an empty one
		answered <- answer
	}()
	return answered
}

// goesOn09 fails unless a client that polls is heard and answered.
func goesOn09(t *testing.T, c *gatewaytest.Client09) {
	t.Helper()
	c.Send(`5:1+:/stream:{"name":"are you there"}`)
	c.Want("6::/stream:1")
}

func TestAPollingClientOf09GetsAllThroughABalancerThatKnowsNoSession(t *testing.T) {
	t.Parallel()
	front, gateways := three(t)
	front.Presence.Register("c1", "alice", "news")
	c := front.Client09("conn_id=c1")
	c.Want("1::")
	c.Send("1::/stream")
	c.Want("1::/stream")
	const messages = 60
	go func() {
		for n := range messages {
			gateways[n%3].Store("news", said(n))
		}
	}()
	var got strings.Builder
	for !strings.Contains(got.String(), fmt.Sprintf(`"n":%d,`, messages-1)) {
		answer := c.Poll()
		if answer.Status != http.StatusOK {
			t.Fatalf("a poll was answered with %d %s after %s", answer.Status, answer.Body, &got)
		}
		got.WriteString(answer.Body)
	}
	onceInOrder(t, got.String(), 0, messages-1)
	goesOn09(t, c)
}

func TestAWebSocketOf09OpensAtWhicheverGatewayItReaches(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	other := holder.Beside()
	holder.Presence.Register("c1", "alice", "news")
	s := holder.Client09("conn_id=c1").At(other).Socket() // what it may, only the handshake has said
	s.Send("1::/stream")
	s.Want("1::/stream")
	holder.Post("news", `{"n":1}`)
	s.Want(`5::/stream:{"name":"message","args":[[{"n":1}]]}`)
	s.Send(`5:1+:/stream:{"name":"are you there"}`)
	s.Want("6::/stream:1")
	if want := `channelstream_gateway_sessions{transport="websocket"} 1`; !strings.Contains(other.Metrics(), want) {
		t.Errorf("%s is not among the metrics %s", want, other.Metrics())
	}
}

func TestEveryClientOf09ComesInThroughABalancerThatKnowsNoSession(t *testing.T) {
	t.Parallel()
	front, _ := three(t)
	for n := range 7 { // handshake and socket are at all pairs of gateways
		user := fmt.Sprint("user-", n)
		front.Stream09(user)
		front.StreamPoller09(user)
		front.Request(http.MethodGet, "/socket.io/", "") // shifts the turns
	}
}

func TestASidOf09IsUsedOnce(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	other, third := holder.Beside(), holder.Beside()
	c := holder.Client09(gatewaytest.Credentials("alice"))
	s := c.At(other).Socket()
	for _, g := range []*gatewaytest.Gateway{holder, other, third} {
		g.Dial(c.Path("websocket")).Want(reconnect)
	}
	if got := c.At(other).Post("2::"); got.Status != http.StatusBadRequest {
		t.Errorf("a post at the session's gateway was answered with %d %s", got.Status, got.Body)
	}
	c.At(holder).Send("2::")
	c.At(third).Send("2::")
	c.At(holder).Want(reconnect)
	c.At(third).Want(reconnect)
	s.Send("1::/stream")
	s.Want("1::/stream")
}

func TestOfManySocketsWithOneSidOf09OneOpens(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	gateways := []*gatewaytest.Gateway{holder, holder.Beside(), holder.Beside()}
	c := holder.Client09(gatewaytest.Credentials("alice"))
	var opened sync.Map
	var trying sync.WaitGroup
	const sockets = 12
	for n := range sockets {
		trying.Go(func() {
			s, _, err := gateways[n%3].TryDial(c.Path("websocket"))
			if err != nil {
				t.Error(err)
				return
			}
			_, first, err := s.ReadMessage()
			if err != nil {
				t.Error(err)
			}
			opened.Store(n, string(first))
		})
	}
	trying.Wait()
	counts := map[string]int{}
	opened.Range(func(_, first any) bool { counts[first.(string)]++; return true })
	if counts["1::"] != 1 || counts[reconnect] != sockets-1 {
		t.Errorf("the sockets were told %v", counts)
	}
}

func TestAClientOf09ThatPollsCanNotOpenASocketToo(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t)
	other.Dial(c.Path("websocket")).Want(reconnect)
	holder.Dial(c.Path("websocket")).Want(reconnect)
	goesOn09(t, c)
}

func TestTheHolderAnswersClientsOf09AsIfItHadBeenAsked(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=xhr-polling,jsonp-polling", "CHANNELSTREAM_MAX_FRAME=1KiB")
	other := holder.Beside("CHANNELSTREAM_TRANSPORTS=xhr-polling,jsonp-polling", "CHANNELSTREAM_MAX_FRAME=1KiB")
	c := holder.Client09(gatewaytest.Credentials("alice")).At(other)
	script := c.Path("jsonp-polling") + "?i=3"
	answer := other.Request(http.MethodGet, script, "")
	if answer.Body != `io.j[3]("1::");` || answer.Header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
		t.Errorf("a script is %v %s", answer.Header, answer.Body)
	}
	form := other.Request(http.MethodPost, script, "d="+escapedForm(`"1::/stream"`), "Content-Type", "application/x-www-form-urlencoded")
	if form.Status != http.StatusOK || form.Body != "1" {
		t.Errorf("a form was answered with %d %s", form.Status, form.Body)
	}
	c.Want("1::/stream")
	if got := c.Post(strings.Repeat("x", 2000)); got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("what is too large was answered with %d %s", got.Status, got.Body)
	}
	gatewaytest.Eventually(t, "it is counted as too_large", func() bool {
		return strings.Contains(holder.Metrics(), `channelstream_gateway_closed_total{reason="too_large"} 1`)
	})
}

func escapedForm(text string) string {
	return strings.NewReplacer(`"`, "%22", ":", "%3A", "/", "%2F").Replace(text)
}

func TestPagesOfOtherOriginsAreRefusedAtEveryGatewayOf09(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://page.example")
	for _, path := range []string{c.Path("xhr-polling"), c.Path("websocket"), c.Path("xhr-polling") + "?disconnect=1"} {
		if got := other.Request(http.MethodGet, path, "", "Origin", "https://other.example"); got.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	fresh := holder.Client09(gatewaytest.Credentials("bob"))
	if _, response, err := other.TryDial(fresh.Path("websocket"), "Origin", "https://other.example"); err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a WebSocket of another origin: %v, %v", err, response)
	}
	fresh.At(other).Socket()
	goesOn09(t, c)
}

func TestASocketOf09LeavesItsHandshakesPlaceAndTakesOneWhereItIs(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t, "CHANNELSTREAM_MAX_SESSIONS=1")
	other := holder.Beside("CHANNELSTREAM_MAX_SESSIONS=1")
	holder.Client09("").At(other).Socket()
	c := holder.Client09("") // there is room again
	other.Dial(c.Path("websocket")).WantClose(1013, "unavailable")
	c.Want("1::") // the refusal has not used it up
}

func TestAHandshakeOf09WhoseHolderHasDiedIsUnknown(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t)
	waiting := polling09(t.Context(), other, c)
	c.Send("2::") // so that the poll is there
	fresh := holder.Client09("")
	holder.Cut()
	if got := <-waiting; got.Status != http.StatusOK || got.Body != reconnect {
		t.Errorf("the poll that waits was answered with %d %s", got.Status, got.Body)
	}
	c.Want(reconnect)
	c.Send("2::")
	other.Dial(fresh.Path("websocket")).Want(reconnect)
}

func TestAHandshakeOf09WhoseHolderIsPausedIsUnknown(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t, "CHANNELSTREAM_REQUEST_TIMEOUT=1s")
	fresh := holder.Client09("")
	holder.Pause()
	c.Want(reconnect)
	other.Dial(fresh.Path("websocket")).Want(reconnect)
	holder.Unpause()
}

// Were a stock client told to reconnect each time, while it does so already, it would soon try by many ways at once.
func TestAClientOf09IsNotAdvisedByAGatewayThatReachesNobody(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t)
	fresh := holder.Client09("")
	other.Cut()
	gatewaytest.Eventually(t, "it has no NATS", func() bool {
		return other.Request(http.MethodGet, c.Path("xhr-polling"), "").Status == http.StatusServiceUnavailable
	})
	other.Dial(fresh.Path("websocket")).WantClose(1013, "unavailable")
	fresh.At(holder).Socket() // that has not used it up
	goesOn09(t, c.At(holder))
}

func TestASidOf09OfNoGatewayIsUnknown(t *testing.T) {
	t.Parallel()
	_, other, c := strayed09(t)
	route, secret, _ := strings.Cut(c.SID, ".")
	for _, sid := range []string{"AAAAAAAAAAAAA." + secret, route + ".guess", "a.b", ">." + secret, route + ".*", secret, route} {
		stranger := &gatewaytest.Client09{SID: sid}
		stranger = stranger.At(other)
		stranger.Want(reconnect)
		stranger.Send("2::")
		other.Dial(stranger.Path("websocket")).Want(reconnect)
	}
	goesOn09(t, c)
}

func TestAPageOf09ThatIsLeftSaysSoToAnyGateway(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t, "CHANNELSTREAM_MAX_SESSIONS=1")
	if got := other.Request(http.MethodGet, gatewaytest.Handshake09+"/"+c.SID+"/?disconnect=1", ""); got.Status != http.StatusOK {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	c.Want("0::")
	gatewaytest.Eventually(t, "there is room again", func() bool {
		return holder.Request(http.MethodGet, gatewaytest.Handshake09, "").Status == http.StatusOK
	})
}

func TestAnAnswerFor09ThatIsLostBetweenGatewaysIsNotLostInSilence(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t, "CHANNELSTREAM_REQUEST_TIMEOUT=1s")
	waiting := polling09(t.Context(), other, c)
	gatewaytest.Eventually(t, "the holder has the poll", func() bool { return holder.Service.Relayed() == 1 })
	other.Cut()
	holder.Post("news", `{"n":1}`)
	gatewaytest.Eventually(t, "the holder has given up", func() bool { return holder.Service.Relayed() == 0 })
	for here := c.At(holder); ; {
		answer := here.Poll()
		if answer.Status == http.StatusServiceUnavailable || strings.Contains(answer.Body, `{"n":1}`) {
			break
		}
		if answer.Body != "8::" {
			t.Fatalf("the session goes on with %d %s", answer.Status, answer.Body)
		}
	}
	if answer := <-waiting; answer.Status == http.StatusOK && answer.Body != reconnect {
		t.Errorf("the poll was answered with %s", answer.Body)
	}
}

func TestAGatewayThatDrainsSendsClientsOf09ToAnother(t *testing.T) {
	t.Parallel()
	holder, other, c := strayed09(t)
	fresh := holder.Client09("")
	waiting := polling09(t.Context(), other, c)
	c.Send("2::")
	other.Stop()
	if got := <-waiting; got.Status != http.StatusServiceUnavailable {
		t.Errorf("the poll was answered with %d %s", got.Status, got.Body)
	}
	other.Dial(fresh.Path("websocket")).Want(reconnect)
	goesOn09(t, c.At(holder))
	fresh.Socket() // the one that drains has not used it up
}

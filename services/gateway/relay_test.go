package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

const (
	unknownSession = `{"code":1,"message":"Session ID unknown"}`
	badRequest     = `{"code":3,"message":"Bad request"}`
)

// three starts three gateways, and a balancer before them that sends each request to the next one.
func three(t *testing.T, environ ...string) (front *gatewaytest.Gateway, gateways []*gatewaytest.Gateway) {
	t.Helper()
	first := gatewaytest.Start(t, environ...)
	gateways = []*gatewaytest.Gateway{first, first.Beside(environ...), first.Beside(environ...)}
	return gatewaytest.RoundRobin(gateways...), gateways
}

// strayed is a session at one gateway whose requests reach another one. It is connected, in the channel "news".
func strayed(t *testing.T, environ ...string) (holder, other *gatewaytest.Gateway, p *gatewaytest.Poller) {
	t.Helper()
	holder = gatewaytest.Start(t, environ...)
	other = holder.Beside(environ...)
	holder.Presence.Register("c1", "alice", "news")
	p = holder.Poller("conn_id=c1").At(other)
	p.Send("40/stream,")
	p.Want(`40/stream,{"sid":"`)
	return holder, other, p
}

// polling begins a poll and returns when the holder has it. The answer comes on the channel, with status 0 for none.
func polling(t *testing.T, ctx context.Context, g *gatewaytest.Gateway, p *gatewaytest.Poller) <-chan gatewaytest.Answer {
	t.Helper()
	answered := make(chan gatewaytest.Answer, 1)
	go func() {
		answer, _ := g.TryRequest(ctx, http.MethodGet, p.Path(), "") // no answer is an empty one
		answered <- answer
	}()
	return answered
}

func wantRefused(t *testing.T, what string, answer gatewaytest.Answer, body string) {
	t.Helper()
	if answer.Status != http.StatusBadRequest || answer.Body != body {
		t.Errorf("%s was answered with %d %s, want 400 %s", what, answer.Status, answer.Body, body)
	}
}

func TestAPollingClientGetsAllThroughABalancerThatKnowsNoSession(t *testing.T) {
	t.Parallel()
	front, gateways := three(t)
	gateways[0].Presence.Register("c1", "alice", "news")
	p := front.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(`40/stream,{"sid":"`)
	const messages = 60
	go func() {
		for n := range messages {
			gateways[n%3].Post("news", fmt.Sprintf(`{"n":%d}`, n))
			if n%7 == 0 {
				<-time.After(time.Millisecond) // some come alone, some together
			}
		}
	}()
	var got strings.Builder
	for !strings.Contains(got.String(), fmt.Sprintf(`{"n":%d}`, messages-1)) {
		answer := p.Poll()
		if answer.Status != http.StatusOK {
			t.Fatalf("a poll was answered with %d %s after %s", answer.Status, answer.Body, &got)
		}
		got.WriteString(answer.Body)
	}
	at := 0
	for n := range messages {
		one := fmt.Sprintf(`{"n":%d}`, n)
		found := strings.Index(got.String()[at:], one)
		if found < 0 || strings.Count(got.String(), one) != 1 {
			t.Fatalf("message %d did not come once and in order: %s", n, &got)
		}
		at += found
	}
	p.Send(`42/stream,7["are you there"]`)
	p.Want(`43/stream,7[]`)
}

func TestTheHolderAnswersAsIfItHadBeenAsked(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	waiting := polling(t, t.Context(), other, p)
	other.Post("news", `{"n":1}`)
	answer := <-waiting
	if answer.Body != `42/stream,["message",[{"n":1}]]` || answer.Status != http.StatusOK {
		t.Fatalf("a poll was answered with %d %s", answer.Status, answer.Body)
	}
	for name, want := range map[string]string{"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	post := other.Request(http.MethodPost, p.Path(), "3", "Origin", "https://page.example")
	if post.Body != "ok" || post.Header.Get("Content-Type") != "text/html" {
		t.Errorf("a post was answered with %s, %v", post.Body, post.Header)
	}
	if got := post.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 {
		t.Errorf("the answer allows the origins %q", got)
	}
	if got := other.Request(http.MethodPost, p.Path(), "3", "Content-Encoding", "gzip"); got.Status != http.StatusUnsupportedMediaType {
		t.Errorf("a post in gzip was answered with %d %s", got.Status, got.Body)
	}
	wantRefused(t, "an odd method", other.Request(http.MethodDelete, p.Path(), ""), badRequest)
}

func TestALargeAnswerComesWhole(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t, "CHANNELSTREAM_BACKLOG_BYTES=4MiB")
	body := `{"n":"` + strings.Repeat("x", 200<<10) + `"}`
	const messages = 12
	for range messages {
		other.Post("news", body)
	}
	for size := 0; size < messages*(200<<10); {
		answer := p.Poll()
		if n := strings.Count(answer.Body, "x"); n == 0 || n%(200<<10) != 0 {
			t.Fatalf("after %d bytes a poll was answered with %d %.100s", size, answer.Status, answer.Body)
		}
		size += strings.Count(answer.Body, "x")
	}
}

func TestAPayloadOverTheLimitEndsTheSessionAlsoAtAnotherGateway(t *testing.T) {
	t.Parallel()
	holder, _, p := strayed(t, "CHANNELSTREAM_MAX_FRAME=1KiB")
	p.Send("6" + strings.Repeat(" ", 1023))
	for _, size := range []int{1024, 1 << 20} {
		if answer := p.Post("6" + strings.Repeat(" ", size)); answer.Status != http.StatusRequestEntityTooLarge && size == 1024 {
			t.Errorf("answered with %d %s", answer.Status, answer.Body)
		}
	}
	gatewaytest.Eventually(t, "it is counted as too_large", func() bool {
		return strings.Contains(holder.Metrics(), `channelstream_gateway_closed_total{reason="too_large"} 1`)
	})
}

func TestAPayloadThatNoMessageHoldsIsRefused(t *testing.T) {
	t.Parallel()
	_, _, p := strayed(t, "CHANNELSTREAM_MAX_FRAME=4MiB")
	if answer := p.Post("4" + strings.Repeat(" ", 2<<20)); answer.Status != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body, `"too_large"`) {
		t.Errorf("answered with %d %.200s", answer.Status, answer.Body)
	}
	p.Send(`42/stream,1["still there"]`)
	p.Want("43/stream,1[]")
}

func TestASecondPollByWayOfAnotherGatewayEndsTheSession(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	first := polling(t, t.Context(), other, p)
	gatewaytest.Eventually(t, "one of them ends the session", func() bool {
		return p.At(holder).Poll().Status == http.StatusBadRequest
	})
	<-first
	wantRefused(t, "a post after the end", p.Post("3"), unknownSession)
}

func TestASessionOfNoGatewayIsUnknown(t *testing.T) {
	t.Parallel()
	holder := gatewaytest.Start(t)
	other := holder.Beside()
	p := holder.StreamPoller("alice")
	route, secret, _ := strings.Cut(p.SID, ".")
	for _, sid := range []string{
		"AAAAAAAAAAAAA." + secret, route + ".guess", "a.b", "*." + secret, ">." + secret, route + ".*", secret, route, strings.Repeat("A", 5000),
	} {
		path := gatewaytest.Polling + "&sid=" + sid
		wantRefused(t, "a poll of "+sid[:min(len(sid), 40)], other.Request(http.MethodGet, path, ""), unknownSession)
		wantRefused(t, "a post of "+sid[:min(len(sid), 40)], other.Request(http.MethodPost, path, "3"), unknownSession)
		if _, response, err := other.TryDial("/socket.io/?EIO=4&transport=websocket&sid=" + sid); err == nil || response.StatusCode != http.StatusBadRequest {
			t.Errorf("an upgrade of %.40s: %v, %v", sid, err, response)
		}
	}
	p.Send(`42/stream,1["still there"]`)
	p.Want("43/stream,1[]")
}

func TestAClientWhoseHolderDiesIsToldThatItsSessionIsUnknown(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	waiting := polling(t, t.Context(), other, p)
	p.Send("3") // so that the poll is there
	holder.Cut()
	wantRefused(t, "the poll that waits", <-waiting, unknownSession)
	wantRefused(t, "a post", p.Post("3"), unknownSession)
	if _, response, err := other.TryDial("/socket.io/?EIO=4&transport=websocket&sid=" + p.SID); err == nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("an upgrade: %v, %v", err, response)
	}
}

func TestAClientWhoseHolderIsPausedIsToldThatItsSessionIsUnknown(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t, "CHANNELSTREAM_REQUEST_TIMEOUT=1s")
	waiting := polling(t, t.Context(), other, p)
	p.Send("3")
	holder.Pause()
	other.Post("news", `{"n":1}`)
	began := time.Now()
	wantRefused(t, "the poll that waits", <-waiting, unknownSession)
	wantRefused(t, "a post", p.Post("3"), unknownSession)
	if took := time.Since(began); took > gatewaytest.Patience/2 {
		t.Errorf("that took %v", took)
	}
	holder.Unpause()
	wantKeptOrOver(t, p.At(holder), `{"n":1}`)
}

// wantKeptOrOver fails if a session goes on without a message that was answered to nobody.
func wantKeptOrOver(t *testing.T, p *gatewaytest.Poller, message string) {
	t.Helper()
	for {
		switch answer := p.Poll(); {
		case answer.Status == http.StatusBadRequest, answer.Body == "1", strings.Contains(answer.Body, message):
			return
		case strings.HasPrefix(answer.Body, "2"), strings.HasPrefix(answer.Body, `42/stream,["offset"`):
		default:
			t.Fatalf("the session goes on with %d %s, without %s", answer.Status, answer.Body, message)
		}
	}
}

func TestAClientThatHangsUpAPollAtAnotherGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	for n := range 10 {
		ctx, hangUp := context.WithCancel(t.Context())
		waiting := polling(t, ctx, other, p)
		gatewaytest.Eventually(t, "the holder has the poll", func() bool { return holder.Service.Relayed() == 1 })
		hangUp()
		<-waiting
		gatewaytest.Eventually(t, "the holder has dropped the poll", func() bool { return holder.Service.Relayed() == 0 })
		next := polling(t, t.Context(), other, p)
		other.Post("news", fmt.Sprintf(`{"n":%d}`, n))
		if got := <-next; got.Body != fmt.Sprintf(`42/stream,["message",[{"n":%d}]]`, n) {
			t.Fatalf("poll %d got %d %s", n, got.Status, got.Body)
		}
	}
}

func TestAnAnswerThatIsLostBetweenGatewaysIsNotLostInSilence(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t, "CHANNELSTREAM_REQUEST_TIMEOUT=1s")
	waiting := polling(t, t.Context(), other, p)
	gatewaytest.Eventually(t, "the holder has the poll", func() bool { return holder.Service.Relayed() == 1 })
	other.Cut()
	holder.Post("news", `{"n":1}`)
	gatewaytest.Eventually(t, "the holder has given up", func() bool { return holder.Service.Relayed() == 0 })
	wantKeptOrOver(t, p.At(holder), `{"n":1}`)
	if answer := <-waiting; answer.Status == http.StatusOK {
		t.Errorf("the poll was answered with %s", answer.Body)
	}
}

func TestAGatewayThatDrainsLetsGoOfThePollsThatItHandedOn(t *testing.T) {
	t.Parallel()
	_, other, p := strayed(t)
	waiting := polling(t, t.Context(), other, p)
	p.Send("3")
	other.Stop()
	if answer := <-waiting; answer.Status != http.StatusServiceUnavailable {
		t.Errorf("the poll was answered with %d %s", answer.Status, answer.Body)
	}
}

func TestEveryListenPollMayGoToAnotherGateway(t *testing.T) {
	t.Parallel()
	front, gateways := three(t)
	front.Presence.Register("c1", "alice", "news")
	since := gateways[0].Store("news", said(0))
	for n := range 7 {
		at := gateways[n%3].Store("news", said(n+1))
		answer := polled(t, front, fmt.Sprintf("conn_id=c1&since=%d", since))
		if !strings.Contains(answer.Body, fmt.Sprintf(`"offset":%d`, at)) || strings.Count(answer.Body, `"n":`) != 1 {
			t.Fatalf("poll %d got %s", n, answer.Body)
		}
		since = at
	}
}

func TestAClientIsToldOfItsEndByWayOfAnotherGateway(t *testing.T) {
	t.Parallel()
	holder, other, p := strayed(t)
	waiting := polling(t, t.Context(), other, p)
	p.Send("3")
	holder.Presence.Close("c1", contract.ReasonDisconnected)
	if got := <-waiting; got.Body != "41/stream," {
		t.Errorf("the poll was answered with %s", got.Body)
	}
	p.Want("1")
}

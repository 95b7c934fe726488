package engine_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// poll makes a poll beside the test.
func poll(g *gatewaytest.Gateway, ctx context.Context, p *gatewaytest.Poller) <-chan gatewaytest.Answer {
	c := make(chan gatewaytest.Answer, 1)
	go func() {
		defer close(c)
		if answer, err := g.TryRequest(ctx, http.MethodGet, p.Path(), ""); err == nil {
			c <- answer
		}
	}()
	return c
}

func TestASecondPollAtATimeEndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.StreamPoller("alice")
	one, two := poll(g, t.Context(), p), poll(g, t.Context(), p)
	answers := map[string]bool{(<-one).Body: true, (<-two).Body: true}
	if !answers["1"] || !answers[`{"code":3,"message":"Bad request"}`] {
		t.Errorf("the two polls were answered with %v", answers)
	}
	p.WantGone()
	if answer := p.Post("40/stream,"); answer.Status != http.StatusBadRequest {
		t.Errorf("a post after the end was answered with %d", answer.Status)
	}
}

func TestAPollWaitsForAMessage(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(`40/stream,`)
	waiting := poll(g, t.Context(), p)
	g.Post("news", `{"n":1}`)
	if got := (<-waiting).Body; got != `42/stream,["message",[{"n":1}]]` {
		t.Errorf("got %s", got)
	}
}

func TestWhatCameBetweenTwoPollsIsKeptInOrder(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(`40/stream,`)
	for _, body := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		g.Post("news", body)
	}
	var got strings.Builder
	for !strings.Contains(got.String(), `{"n":3}`) {
		got.WriteString(p.Poll().Body)
	}
	numbers := strings.NewReplacer(`42/stream,["message",[`, "", "]]", "", "\x1e", "", ",", "").Replace(got.String())
	if numbers != `{"n":1}{"n":2}{"n":3}` {
		t.Errorf("got %s", got.String())
	}
}

func TestAPollWhoseClientHasGoneMakesRoomForAnother(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want("40/stream,")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, p.Path(), nil)
		g.Service.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}()
	cancel()
	<-gone
	waiting := poll(g, t.Context(), p)
	g.Post("news", `{"n":1}`)
	if got := (<-waiting).Body; got != `42/stream,["message",[{"n":1}]]` {
		t.Errorf("got %s", got)
	}
}

func TestAMalformedPayloadEndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, payload := range []string{"", "9", "x", "4\xff", "b!", "40/stream,\x1e", strings.Repeat("6\x1e", 1000) + "6"} {
		p := g.StreamPoller("alice")
		if answer := p.Post(payload); answer.Status != http.StatusBadRequest || answer.Body != `{"code":3,"message":"Bad request"}` {
			t.Errorf("%.20q was answered with %d %s", payload, answer.Status, answer.Body)
		}
		p.WantGone()
	}
	if got := len(g.Presence.Joins()); got != 0 {
		t.Errorf("%d joins came of it", got)
	}
}

func TestPacketsThatNoClientSendsEndTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, packet := range []string{"0", "2", "5", "44/stream,{}", "49", "4", `42/elsewhere,["join",["a"]]`, "40/stream,", `42/stream,["connect"]`} {
		p := g.StreamPoller("alice")
		if answer := p.Post(packet); answer.Status != http.StatusBadRequest {
			t.Errorf("%s was answered with %d %s", packet, answer.Status, answer.Body)
		}
		p.WantGone()
		s := g.Stream("alice")
		s.Send(packet)
		s.WantClose(1002, "protocol_error")
	}
}

func TestAPayloadOverTheLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_FRAME=1KiB")
	p := g.StreamPoller("alice")
	p.Send("6" + strings.Repeat(" ", 1023))
	if answer := p.Post("6" + strings.Repeat(" ", 1024)); answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
	p.WantGone()
	if !strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="too_large"} 1`) {
		t.Error("it is not counted as too_large")
	}
}

func TestAClosePacketEndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	waiting := p.Poll()
	if !strings.HasPrefix(waiting.Body, "40/stream,") {
		t.Fatalf("got %s", waiting.Body)
	}
	p.Send("1")
	p.WantGone()
	gatewaytest.Eventually(t, "the connection is free", func() bool { return !g.Presence.Holds("c1") })
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want("40/stream,")
	s.Send("1")
	s.WantClose(1000, "closed")
	gatewaytest.Eventually(t, "the connection is free again", func() bool { return !g.Presence.Holds("c1") })
}

func TestBinaryPacketsAreTakenAndIgnored(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Allow("alice", "news")
	p := g.StreamPoller("alice")
	p.Send(`451-/stream,1["x",{"_placeholder":true,"num":0}]` + "\x1ebAQID\x1e" + `42/stream,2["join",["news"]]`)
	got := p.Poll().Body
	for !strings.Contains(got, "43/stream,2") {
		got += "\x1e" + p.Poll().Body
	}
	if got != "43/stream,1[]\x1e"+`42/stream,["join",["news"]]`+"\x1e"+`43/stream,2[["news"]]` {
		t.Errorf("got %q", got)
	}
}

// A stock client that reads the close packet in the same answer as its disconnect comes back by itself.
func TestTheLastPacketsAndTheClosePacketComeInTwoAnswers(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, waiting := range []bool{false, true} {
		g.Presence.Register("c1", "alice", "news")
		p := g.Poller("conn_id=c1")
		p.Send("40/stream,")
		p.Want("40/stream,")
		var first <-chan gatewaytest.Answer
		if waiting {
			first = poll(g, t.Context(), p)
		}
		g.Presence.Close("c1", contract.ReasonDisconnected)
		if !waiting {
			if answer := p.Post("3"); answer.Body != "ok" {
				t.Errorf("a post of a client that has not heard of the end was answered with %s", answer.Body)
			}
			first = poll(g, t.Context(), p)
		}
		if got := (<-first).Body; got != "41/stream," {
			t.Errorf("the poll was answered with %s", got)
		}
		p.Want("1")
		p.WantGone()
		if answer := p.Post("40/stream,"); answer.Body != `{"code":1,"message":"Session ID unknown"}` {
			t.Errorf("a post after the end was answered with %s", answer.Body)
		}
	}
}

// Engine.IO protocol 4, section "HTTP long-polling": a client has one POST under way at most.
func TestASecondPostAtATimeEndsTheSession(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.StreamPoller("alice")
	body, slow := io.Pipe()
	defer slow.Close() //nolint:errcheck // the request has ended
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+p.Path(), body)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	go func() {
		defer close(first)
		if answer, err := http.DefaultTransport.RoundTrip(request); err == nil {
			answer.Body.Close() //nolint:errcheck // only its end counts
		}
	}()
	if _, err := slow.Write([]byte("3")); err != nil { // the server reads it
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, "a second post is refused", func() bool { return p.Post("3").Status == http.StatusBadRequest })
	slow.CloseWithError(io.ErrUnexpectedEOF) //nolint:errcheck // it has none
	<-first
	if answer := p.Post("3"); answer.Status != http.StatusBadRequest {
		t.Errorf("a post after the end was answered with %d", answer.Status)
	}
}

// Engine.IO protocol 4, section "Heartbeat": a client that does not answer a ping in time is gone, though it polls.
func TestASessionThatPollsButNeverPongsEndsInTime(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=300ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=200ms")
	p := g.StreamPoller("alice")
	began := time.Now()
	for answer := p.Poll(); answer.Status == http.StatusOK; answer = p.Poll() {
		if time.Since(began) > 5*time.Second {
			t.Fatalf("it is still answered, with %s", answer.Body)
		}
	}
	p.WantGone()
	if !strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="heartbeat_timeout"} 1`) {
		t.Errorf("it has not ended as heartbeat_timeout: %s", g.Metrics())
	}
}

// Engine.IO protocol 4, section "Heartbeat".
func TestAPollAfterThePingTimeoutIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=300ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=200ms")
	p := g.Poller("")
	gatewaytest.Eventually(t, "the session is over", func() bool {
		return strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="heartbeat_timeout"} 1`)
	})
	p.WantGone()
}

// A client between two polls learns from the next one that the gateway sends it away; the one after that is refused.
func TestAClientThatIsSentAwayIsToldOnce(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := listener(t, g)
	g.Presence.Close("c1", contract.ReasonDraining)
	gatewaytest.Eventually(t, "the session is over", func() bool {
		return strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="draining"} 1`)
	})
	p.Want("1")
	p.WantGone()
}

// Engine.IO protocol 4, section "HTTP long-polling": a client that closes its session does not learn from the poll that waits
// that the server closes it.
func TestTheOpenPollOfASessionThatItsClientClosesGetsANoop(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	gatewaytest.Eventually(t, "the poll comes before the close packet", func() bool {
		p := g.Poller("")
		waiting := poll(g, t.Context(), p)
		p.Send("1")
		answer := <-waiting
		p.WantGone()
		if answer.Status == http.StatusOK && answer.Body != "6" {
			t.Fatalf("the open poll was answered with %s", answer.Body)
		}
		return answer.Status == http.StatusOK
	})
}

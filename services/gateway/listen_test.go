package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// polled makes one poll, which is to succeed.
func polled(t *testing.T, g *gatewaytest.Gateway, query string) gatewaytest.Answer {
	t.Helper()
	answer := g.Request(http.MethodGet, "/listen?"+query, "")
	if answer.Status != http.StatusOK {
		t.Fatalf("the poll %s was answered with %d %s", query, answer.Status, answer.Body)
	}
	return answer
}

func wantPoll(t *testing.T, g *gatewaytest.Gateway, query, want string) {
	t.Helper()
	if got := polled(t, g, query).Body; got != want {
		t.Fatalf("the poll %s was answered with %.300s, want %.300s", query, got, want)
	}
}

// waiting begins a poll and returns when it waits. The answer comes on the channel.
func waiting(t *testing.T, g *gatewaytest.Gateway, ctx context.Context, connID, query string) <-chan gatewaytest.Answer {
	t.Helper()
	answered := make(chan gatewaytest.Answer, 1)
	go func() {
		answer, _ := g.TryRequest(ctx, http.MethodGet, "/listen?conn_id="+connID+query, "") // no answer is an empty one
		answered <- answer
	}()
	gatewaytest.Eventually(t, "the poll waits", func() bool {
		return g.Presence.Holds(connID) && strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="listen"} 1`)
	})
	return answered
}

func TestAPollIsAnsweredWithAList(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	answered := waiting(t, g, t.Context(), "c1", "")
	g.Presence.Move("c1", "news", "sport") // answered when the poll is in these channels
	one, two := g.Store("news", said(1)), g.Store("sport", said(2))
	answer := <-answered
	if want := "[" + live(1, one) + "," + live(2, two) + "]"; answer.Body != want {
		t.Fatalf("got %s, want %s", answer.Body, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if g.Presence.Holds("c1") {
		t.Error("the poll was answered before presence knew of its end")
	}
}

func TestAPollThatGetsNothingIsAnsweredWithAnEmptyList(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_WAKE_CONNECTIONS_AFTER=300ms",
		"CHANNELSTREAM_HEARTBEAT_INTERVAL=100ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=100ms") // which do not end it
	g.Presence.Register("c1", "alice", "news")
	since := g.Store("news", said(1))
	wantPoll(t, g, "conn_id=c1", "[]")
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", since), "[]")
	wantPoll(t, g, "conn_id=c1&callback=cb", "/**/cb([]);")
	want := `channelstream_gateway_closed_total{reason="closed"} 3`
	if got := g.Metrics(); !strings.Contains(got, want+"\n") {
		t.Errorf("the metrics do not hold %s", want)
	}
}

func TestAPollOfAClientThatKeepsOffsetsIsToldWhereToBegin(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_WAKE_CONNECTIONS_AFTER=100ms")
	g.Presence.Register("c1", "alice", "news")
	var at uint64
	answer := polled(t, g, "conn_id=c1&since=")
	if n, err := fmt.Sscanf(answer.Body, `[{"type":"offset","offset":%d}]`, &at); n != 1 || err != nil {
		t.Fatalf("got %s, %v", answer.Body, err)
	}
	one := g.Store("news", said(1))
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", at), "["+late(1, one)+"]")
}

func TestWhatComesBetweenTwoPollsIsInTheNext(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", said(0))) // as /connect does
	for n := range 10 {
		one, two := g.Store("news", said(10*n)), g.StoreToUser("alice", said(10*n+1))
		wantPoll(t, g, "conn_id=c1", "["+late(10*n, one)+","+late(10*n+1, two)+"]")
	}
}

func TestAPollGoesOnWhereTheClientSays(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	one, two, three := g.Store("news", said(1)), g.Store("news", said(2)), g.Store("news", said(3))
	both := "[" + late(2, two) + "," + late(3, three) + "]"
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", one), both)
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", one), both) // it did not get the answer
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", two), "["+late(3, three)+"]")
	g.Store("other", said(4))
	g.Post("news", said(5)) // not in the log, so it has no offset of its own
	answered := waiting(t, g, t.Context(), "c1", fmt.Sprintf("&since=%d", three))
	other := g.Store("other", said(6))
	gatewaytest.Eventually(t, "a message has come", func() bool {
		g.Post("news", said(7))
		select {
		case answer := <-answered:
			var list []struct{ N, Offset uint64 }
			if err := json.Unmarshal([]byte(answer.Body), &list); err != nil {
				t.Fatal(err)
			}
			if list[0].N == 5 { // it may have been on its way still when the poll began
				list = list[1:]
			}
			last := list[len(list)-1]
			if list[0].N != 7 || last.Offset < three || last.Offset > other {
				t.Errorf("got %s", answer.Body)
			}
			return true
		default:
			return false
		}
	})
}

func TestAPollThatMissedSomethingIsToldSoAndFromWhereItGoesOn(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	one := g.Store("news", said(1))
	wantPoll(t, g, "conn_id=c1&since=17", `[{"type":"missed","channel":null,"since":17},`+late(1, one)+"]")
	two := g.Store("news", said(2))
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", one), "["+late(2, two)+"]")
	answer := polled(t, g, fmt.Sprintf("conn_id=c1&since=%d", two+1000)) // of a log that is lost
	if want := fmt.Sprintf(`[{"type":"missed","channel":null,"since":%d},{"type":"offset","offset":%d}]`, two+1000, two); answer.Body != want {
		t.Fatalf("got %s, want %s", answer.Body, want)
	}
}

func TestANewerPollReplacesTheOlder(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	began := time.Now()
	older := waiting(t, g, t.Context(), "c1", "")
	newer := make(chan gatewaytest.Answer, 1)
	go func() {
		answer, err := g.TryRequest(t.Context(), http.MethodGet, "/listen?conn_id=c1", "")
		if err != nil {
			t.Error(err)
		}
		newer <- answer
	}()
	if answer := <-older; answer.Status != http.StatusOK || answer.Body != "[]" {
		t.Errorf("the older poll was answered with %d %s", answer.Status, answer.Body)
	}
	if lasted := time.Since(began); lasted < time.Second { // or two clients with one conn_id would chase each other
		t.Errorf("the older poll was answered after %v", lasted)
	}
	var answer gatewaytest.Answer
	gatewaytest.Eventually(t, "the newer poll is answered", func() bool {
		g.Post("news", said(1))
		select {
		case answer = <-newer:
			return true
		default:
			return false
		}
	})
	if !strings.HasPrefix(answer.Body, "["+said(1)) {
		t.Errorf("the newer poll was answered with %s", answer.Body)
	}
}

func TestAPollThatIsDisconnectedIsAnsweredAndTheNextIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	answered := waiting(t, g, t.Context(), "c1", "")
	g.Presence.Close("c1", contract.ReasonDisconnected)
	if answer := <-answered; answer.Status != http.StatusOK || answer.Body != "[]" {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
	g.Presence.Forget("c1")
	if answer := g.Request(http.MethodGet, "/listen?conn_id=c1", ""); answer.Status != http.StatusUnprocessableEntity || !strings.Contains(answer.Body, `"conn_id":["Unknown connection"]`) {
		t.Errorf("the next poll was answered with %d %s", answer.Status, answer.Body)
	}
}

func TestAClientThatGoesBeforeItsAnswerLosesNothing(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	before := g.Store("news", said(0))
	g.Presence.CatchUp("c1", before)
	ctx, leave := context.WithCancel(t.Context())
	answered := waiting(t, g, ctx, "c1", "")
	one := g.Store("news", said(1))
	leave()
	<-answered
	gatewaytest.Eventually(t, "the poll is over", func() bool { return !g.Presence.Holds("c1") })
	two := g.Store("news", said(2))
	both := "[" + late(1, one) + "," + late(2, two) + "]"
	wantPoll(t, g, "conn_id=c1", both)
	wantPoll(t, g, fmt.Sprintf("conn_id=c1&since=%d", before), both)
}

func TestAPollTakesWhatWasMissedInPieces(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64KiB", "CHANNELSTREAM_MAX_MESSAGE=32KiB")
	g.Presence.Register("c1", "alice", "news")
	since := g.Store("news", said(0))
	pad := strings.Repeat("x", 20_000)
	const many = 100 // two megabytes, much more than one answer may hold
	for n := range many {
		g.Store("news", fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, pad))
	}
	for next := 0; next < many; {
		answer := polled(t, g, fmt.Sprintf("conn_id=c1&since=%d", since))
		var list []struct {
			N      int
			Offset uint64
		}
		if err := json.Unmarshal([]byte(answer.Body), &list); err != nil || len(answer.Body) > 66<<10 {
			t.Fatalf("%d bytes, %v", len(answer.Body), err)
		}
		for _, m := range list {
			if m.N != next {
				t.Fatalf("message %d came after %d", m.N, next-1)
			}
			next, since = next+1, m.Offset
		}
	}
}

func TestAScriptIsAnsweredThatCallsTheCallback(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", said(0)))
	for _, callback := range []string{"cb", "jQuery1_23", "$", "_", "app.channels.on$1", strings.Repeat("x", 64)} {
		one := g.Store("news", said(1))
		answer := polled(t, g, "conn_id=c1&callback="+callback)
		if want := "/**/" + callback + "([" + late(1, one) + "]);"; answer.Body != want {
			t.Errorf("%s: got %s", callback, answer.Body)
		}
		if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/javascript") || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the answer is %v", callback, answer.Header)
		}
	}
}

func TestHardeningCallbacksThatAreNoFunctions(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for _, callback := range []string{
		"alert(1)//", "a%3Bb", "a%20b", "%3Cscript%3E", "a%0Ab", "a%0D%0AX:%20y", "1a", ".a", "a%5B0%5D", "a%60", "%2F**%2F", "%C3%BC", "a%00",
		"a%0A", "CWS%07%0E000x%9C", strings.Repeat("x", 65),
	} {
		answer := g.Request(http.MethodGet, "/listen?conn_id=c1&callback="+callback, "")
		if answer.Status != http.StatusUnprocessableEntity || !strings.Contains(answer.Body, `"callback":["Not the name of a function."]`) ||
			answer.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s was answered with %d %s", callback, answer.Status, answer.Body)
		}
	}
	if g.Presence.Holds("c1") {
		t.Error("a refused client holds the connection")
	}
}

func TestHardeningLineEndsOfUnicodeDoNotBreakAScript(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", said(0)))
	one := g.Store("news", "{\"text\":\"a\u2028b\u2029c\"}")
	want := fmt.Sprintf(`/**/cb([{"text":"a\u2028b\u2029c","catchup":true,"offset":%d}]);`, one)
	wantPoll(t, g, "conn_id=c1&callback=cb", want)
}

func TestHardeningABurstLargerThanAnAnswerEndsThePoll(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_MESSAGE=1KiB", "CHANNELSTREAM_BACKLOG_BYTES=64KiB")
	g.Presence.Register("c1", "alice", "flood")
	answered := waiting(t, g, t.Context(), "c1", "")
	body := fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", 16<<10))
	for range 64 {
		g.Post("flood", body)
	}
	if answer := <-answered; answer.Status != http.StatusOK || !json.Valid([]byte(answer.Body)) || len(answer.Body) > 66<<10 {
		t.Errorf("answered with %d and %d bytes", answer.Status, len(answer.Body))
	}
}

func TestHardeningManyPollsOfOneConnectionLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_WAKE_CONNECTIONS_AFTER=200ms")
	g.Presence.Register("c1", "alice", "news")
	answers := make(chan gatewaytest.Answer)
	for range 30 {
		go func() {
			answer, err := g.TryRequest(t.Context(), http.MethodGet, "/listen?conn_id=c1", "")
			if err != nil {
				t.Error(err)
			}
			answers <- answer
		}()
	}
	for range 30 {
		if answer := <-answers; answer.Status != http.StatusOK || answer.Body != "[]" {
			t.Errorf("answered with %d %s", answer.Status, answer.Body)
		}
	}
	gatewaytest.Eventually(t, "nothing is left of them", func() bool {
		return !g.Presence.Holds("c1") && strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="listen"} 0`)
	})
}

package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestAStreamGetsListsAsEventsWithIDs(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	e := g.Events("conn_id=c1", "Origin", "https://app.example")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
		"Access-Control-Allow-Origin": "https://app.example", "Content-Length": "",
	} {
		if got := e.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	one := g.Store("news", said(1))
	e.Want(one, "["+live(1, one)+"]")
	two := g.StoreToUser("alice", said(2))
	e.Want(two, "["+live(2, two)+"]")
	g.Post("news", said(3)) // not in the log
	e.Want(0, "["+said(3)+"]")
	g.Presence.Move("c1", "sport")
	g.Store("news", said(4))
	five := g.Store("sport", said(5))
	e.Want(five, "["+live(5, five)+"]")
}

func TestAnEventSourceGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	e := g.Events("conn_id=c1")
	one := g.Store("news", said(1))
	e.Want(one, "["+live(1, one)+"]")
	e.Close() //nolint:errcheck // to break it is what the test wants
	two := g.Store("news", said(2))
	id := fmt.Sprint(one)
	e = g.Events("conn_id=c1", "Last-Event-ID", id)
	e.Want(two, "["+late(2, two)+"]")
	three := g.Store("news", said(3))
	e.Want(three, "["+live(3, three)+"]")
	e = g.Events("conn_id=c1&since="+id, "Last-Event-ID", fmt.Sprint(two)) // the header is newer than the URL
	e.Want(three, "["+late(3, three)+"]")
	e = g.Events("conn_id=c1&since=" + id)
	e.Want(three, "["+late(2, two)+","+late(3, three)+"]")
}

func TestAStreamThatMissedSomethingIsToldSoAndFromWhereItGoesOn(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	one := g.Store("news", said(1))
	e := g.Events("conn_id=c1", "Last-Event-ID", "17")
	missed := e.Next()
	var at uint64
	if _, err := fmt.Sscanf(missed, "id: %d\n", &at); err != nil || !strings.HasSuffix(missed, "\nevent: message\n"+`data: [{"type":"missed","channel":null,"since":17}]`) {
		t.Fatalf("got %q", missed)
	}
	e.Want(one, "["+late(1, one)+"]")
	e.Close() //nolint:errcheck // to break it is what the test wants
	two := g.Store("news", said(2))
	e = g.Events("conn_id=c1", "Last-Event-ID", fmt.Sprint(at))
	e.Want(two, "["+late(1, one)+","+late(2, two)+"]")
}

func TestAStreamThatGetsNothingIsToldOfOffsets(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=100ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=100ms")
	g.Presence.Register("c1", "alice", "news")
	e := g.Events("conn_id=c1")
	other := g.Store("other", said(1))                                            // nobody here is in that channel
	for want := fmt.Sprintf("id: %d\nevent: offset\ndata: %d", other, other); ; { // an id alone is an empty event to some clients
		block, err := e.Block()
		if err != nil {
			t.Fatal(err)
		}
		if block == want {
			break
		}
	}
	two := g.Store("news", said(2)) // it is there after many heartbeats, though it never says anything
	e.Want(two, "["+live(2, two)+"]")
}

func TestStreamsAreRefusedInPlainHTTP(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_ALLOWED_ORIGINS=https://app.example")
	g.Presence.Register("c1", "alice")
	for _, c := range []struct {
		name, method, query string
		headers             []string
		status              int
		part                string
	}{
		{"no conn_id", "GET", "", nil, 422, `"conn_id":["Missing data for required field."]`},
		{"unknown conn_id", "GET", "conn_id=x", nil, 422, `"conn_id":["Unknown connection"]`},
		{"unknown conn_id, with an id", "GET", "conn_id=x", []string{"Last-Event-ID", "1"}, 422, `"conn_id":["Unknown connection"]`},
		{"bad since", "GET", "conn_id=c1&since=x", nil, 422, `"since":["Not an offset."]`},
		{"bad id", "GET", "conn_id=c1&since=1", []string{"Last-Event-ID", "1.5"}, 422, `"Last-Event-ID":["Not an offset."]`},
		{"wrong method", "POST", "conn_id=c1", nil, 405, `"code":"method_not_allowed"`},
		{"another origin", "GET", "conn_id=c1", []string{"Origin", "https://evil.example"}, 403, `"code":"forbidden"`},
	} {
		answer := g.Request(c.method, "/sse?"+c.query, "", c.headers...)
		if answer.Status != c.status || !strings.Contains(answer.Body, c.part) {
			t.Errorf("%s: answered with %d %s, want %d and %s", c.name, answer.Status, answer.Body, c.status, c.part)
		}
	}
	if g.Presence.Holds("c1") {
		t.Error("a refused client holds the connection")
	}
	e := g.Events("conn_id=c1", "Origin", "https://app.example")
	if got := e.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("the named origin is answered with %q", got)
	}
}

func TestStreamsAndPollsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_TRANSPORTS=websocket,polling")
	for _, path := range []string{"/sse?conn_id=c1", "/listen?conn_id=c1"} {
		if answer := g.Request(http.MethodGet, path, ""); answer.Status != http.StatusNotFound {
			t.Errorf("%s was answered with %d %s", path, answer.Status, answer.Body)
		}
	}
}

func TestAStreamIsToldWhyItEnds(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	older := g.Events("conn_id=c1")
	newer := g.Events("conn_id=c1")
	older.WantClose("replaced")
	one := g.Store("news", said(1))
	newer.Want(one, "["+live(1, one)+"]")
	g.Presence.Close("c1", contract.ReasonDisconnected)
	newer.WantClose("disconnected")
	want := `channelstream_gateway_sessions{transport="sse"} 0`
	gatewaytest.Eventually(t, "the metrics hold "+want, func() bool { return strings.Contains(g.Metrics(), want+"\n") })
}

func TestAStreamWhoseClientGoesIsOver(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Events("conn_id=c1").Close() //nolint:errcheck // to break it is what the test wants
	gatewaytest.Eventually(t, "presence was told", func() bool {
		return !g.Presence.Holds("c1") && strings.Contains(g.Metrics(), `closed_total{reason="closed"} 1`)
	})
}

// A browser gives up for good at any status but 200.
func TestADrainingGatewaySendsStreamsAwayAndAsksNewOnesToComeBack(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_DRAIN_WINDOW=1s", "CHANNELSTREAM_SHUTDOWN_TIMEOUT=5s")
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	e := g.Events("conn_id=c1")
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.Stop() }()
	gatewaytest.Eventually(t, "the gateway is not ready", func() bool { return g.Service.Ready(context.Background()) != nil })
	answer := g.Request(http.MethodGet, "/sse?conn_id=c2", "")
	if answer.Status != http.StatusOK || !strings.HasPrefix(answer.Body, "retry: ") || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("a new stream was answered with %d %v %s", answer.Status, answer.Header, answer.Body)
	}
	if answer := g.Request(http.MethodGet, "/listen?conn_id=c2", ""); answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("a poll was answered with %d %v", answer.Status, answer.Header)
	}
	e.WantClose("draining")
	<-stopped
	if g.Presence.Holds("c1") || g.Presence.Holds("c2") {
		t.Error("presence was not told")
	}
}

// An EventSource would stay away for good at the statuses that tell others to try again.
func TestNewClientsAreAskedToComeBackWhileSomethingIsAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		away   func(*gatewaytest.Gateway)
		status int
		after  string
	}{
		"NATS is away":       {func(g *gatewaytest.Gateway) { g.StopNATS() }, http.StatusServiceUnavailable, "1"},
		"presence is away":   {func(g *gatewaytest.Gateway) { g.Presence.Stop() }, http.StatusServiceUnavailable, "1"},
		"presence is paused": {func(g *gatewaytest.Gateway) { g.Presence.Pause() }, http.StatusServiceUnavailable, "1"},
		"presence lacks NATS": {func(g *gatewaytest.Gateway) {
			g.Presence.Fail(contract.Unavailable("The service could not reach NATS; try again."))
		}, http.StatusServiceUnavailable, "1"},
		"presence fails": {func(g *gatewaytest.Gateway) { g.Presence.Fail(errors.New("out of order")) }, http.StatusInternalServerError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gatewaytest.Start(t, "CHANNELSTREAM_REQUEST_TIMEOUT=300ms")
			g.Presence.Register("c1", "alice", "news")
			c.away(g)
			stream := g.Request(http.MethodGet, "/sse?conn_id=c1", "", "Origin", "https://app.example")
			if h := stream.Header; stream.Status != http.StatusOK || h.Get("Content-Type") != "text/event-stream" ||
				h.Get("Access-Control-Allow-Origin") != "https://app.example" || !retries.MatchString(stream.Body) {
				t.Errorf("a new stream was answered with %d %v %q", stream.Status, h, stream.Body)
			}
			poll := g.Request(http.MethodGet, "/listen?conn_id=c1", "")
			if poll.Status != c.status || poll.Header.Get("Retry-After") != c.after {
				t.Errorf("a new poll was answered with %d %v", poll.Status, poll.Header)
			}
			_, socket, err := g.TryDial("/ws?conn_id=c1")
			if err == nil || socket.StatusCode != c.status || socket.Header.Get("Retry-After") != c.after {
				t.Errorf("a new socket was answered with %v, %v", socket, err)
			}
		})
	}
}

// retries is a stream that ends before it has begun, and says why in a comment.
var retries = regexp.MustCompile(`^retry: [12]\d\d\d\n: .+\nevent: close\ndata: "(unavailable|internal)"\n\n$`)

func TestHardeningAStreamThatIsNotReadIsCut(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_MESSAGE=1KiB", "CHANNELSTREAM_BACKLOG_BYTES=64KiB")
	g.Presence.Register("slow", "alice", "flood")
	g.Presence.Register("quick", "bob", "calm")
	slow := g.Events("conn_id=slow")
	quick := g.Events("conn_id=quick")
	body := fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", 32<<10))
	for n := 0; !strings.Contains(g.Metrics(), `closed_total{reason="slow_consumer"} 1`); n++ {
		if n > 5000 {
			t.Fatal("the slow reader was not closed")
		}
		g.Post("flood", body)
		if n%50 == 0 {
			g.Post("calm", `{}`)
			quick.Want(0, `[{}]`)
		}
	}
	slow.WantCut()
	gatewaytest.Eventually(t, "presence was told", func() bool { return !g.Presence.Holds("slow") })
}

func TestHardeningAStreamThatKeepsTalkingIsClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for name, more := range map[string]string{
		"a second request": "GET /sse?conn_id=c1 HTTP/1.1\r\nHost: test\r\n\r\n",
		"a flood":          strings.Repeat("x", 1<<20),
	} {
		g.Presence.Register(name, "alice")
		e := g.Events("conn_id=" + strings.ReplaceAll(name, " ", "%20"))
		if _, err := io.WriteString(e, more); err != nil {
			t.Fatal(err)
		}
		e.WantClose("protocol_error")
	}
}

func TestHardeningARequestBehindTheRequestIsNotAnswered(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if err := conn.SetDeadline(time.Now().Add(gatewaytest.Patience)); err != nil {
		t.Fatal(err)
	}
	const request = "GET /sse?conn_id=c1 HTTP/1.1\r\nHost: test\r\n\r\n"
	if _, err := io.WriteString(conn, request+request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 || !strings.HasSuffix(string(all), "event: close\ndata: \"protocol_error\"\n\n") {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestHardeningStreamsThatLeaveAtOnce(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for i := range 20 {
		id := fmt.Sprintf("c%d", i)
		g.Presence.Register(id, "alice", "news")
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /sse?conn_id=%s HTTP/1.1\r\nHost: test\r\n\r\n", id) //nolint:errcheck // it is closed next
		conn.Close()                                                                //nolint:errcheck // to break it is what the test wants
	}
	gatewaytest.Eventually(t, "nothing is left of them", func() bool {
		for i := range 20 {
			if g.Presence.Holds(fmt.Sprintf("c%d", i)) {
				return false
			}
		}
		return !strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="sse"} `) ||
			strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="sse"} 0`)
	})
}

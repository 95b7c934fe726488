package gateway_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// What a page can not read, in the status of a handshake, it is told on the socket.
func TestAWebSocketThatIsRefusedForGoodIsToldWhy(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for _, c := range []struct {
		path string
		code int
		word string
	}{
		{"/ws?conn_id=unknown", 1000, "disconnected"},
		{"/ws?conn_id=unknown&since=17", 1000, "disconnected"},
		{"/ws", 1002, "protocol_error"},
		{"/ws?conn_id=c1&since=x", 1002, "protocol_error"},
	} {
		began := time.Now()
		g.Dial(c.path).WantClose(c.code, c.word)
		if held := time.Since(began); held < 100*time.Millisecond {
			t.Errorf("%s: refused after %v", c.path, held)
		}
	}
	if g.Presence.Holds("c1") {
		t.Error("a refused client holds the connection")
	}
	s := g.Plain("c1")
	s.WantNothing() // it is let in at once
	gatewaytest.Eventually(t, "refused sockets are none any more", func() bool {
		return strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="refused"} 0`)
	})
}

func TestAnEventSourceThatIsRefusedForGoodIsToldWhyAndThenToStop(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	const events = "text/event-stream"
	for _, id := range []string{"", "17"} { // also one that was here before
		e := g.Events("conn_id=unknown", "Accept", events, "Last-Event-ID", id, "Origin", "https://app.example")
		if e.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Error("a page of another origin can not read why")
		}
		e.WantClose("disconnected")
	}
	for _, id := range []string{"disconnected", "replaced"} { // as an EventSource comes back by itself
		answer := g.Request(http.MethodGet, "/sse?conn_id=unknown", "", "Accept", events, "Last-Event-ID", id)
		if answer.Status != http.StatusNoContent || answer.Body != "" {
			t.Errorf("one that was told %s is answered with %d %s", id, answer.Status, answer.Body)
		}
	}
	for _, accept := range []string{"*/*", "application/json"} { // no EventSource, so it reads the status
		answer := g.Request(http.MethodGet, "/sse?conn_id=unknown", "", "Accept", accept)
		if answer.Status != http.StatusUnprocessableEntity || !strings.Contains(answer.Body, "Unknown connection") {
			t.Errorf("whoever accepts %s is answered with %d %s", accept, answer.Status, answer.Body)
		}
	}
}

func TestAStreamThatEndsForGoodLeavesItsReasonAsTheLastID(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	older := g.Events("conn_id=c1")
	gatewaytest.Eventually(t, "the first stream is a session", func() bool { return g.Presence.Holds("c1") })
	newer := g.Events("conn_id=c1")
	older.WantClose("replaced")
	g.Presence.Close("c1", "disconnected")
	newer.WantClose("disconnected")
	g.Presence.Register("c2", "alice", "news")
	third := g.Events("conn_id=c2")
	gatewaytest.Eventually(t, "the stream is in force", func() bool {
		g.Store("news", `{"n":1}`)
		return !strings.Contains(g.Metrics(), "channelstream_gateway_deliveries_total 0")
	})
	g.Stop()
	third.WantClose("draining") // without an id: it is to come back with its offset
}

// One client can not loop. Were refusals told at once, it would come some thousand times a second.
func TestAClientWithAStaleSigLoopsSlowly(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	const refusals = 4
	began := time.Now()
	for range refusals {
		s := g.Engine("username=alice&sig=stale")
		s.Send("40/stream,")
		s.Want(`44/stream,{"message":"The sig is wrong or too old"}`)
		s.Drop()
	}
	if took := time.Since(began); took < refusals*100*time.Millisecond {
		t.Errorf("%d refusals took %v", refusals, took)
	}
	p := g.Poller("username=alice&sig=stale")
	began = time.Now()
	p.Send("40/stream,")
	if posted := time.Since(began); posted > 100*time.Millisecond {
		t.Logf("the POST took %v: the machine is busy", posted)
	}
	p.Want(`44/stream,{"message":"The sig is wrong or too old"}`)
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("a client that polls was refused after %v", took)
	}
}

func TestRetryAfterTellsThoseWhoAskByRequest(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, path := range []string{"/listen?conn_id=unknown", "/sse?conn_id=unknown", "/ws?conn_id="} {
		answer := g.Request(http.MethodGet, path, "")
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if answer.Status != http.StatusUnprocessableEntity || err != nil || seconds < 2 || seconds > 5 {
			t.Errorf("%s was answered with %d, Retry-After %q", path, answer.Status, answer.Header.Get("Retry-After"))
		}
	}
}

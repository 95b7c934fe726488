package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/netfault"
)

// reader is a client that hands back no offset, by any way in. It gives what came next, up to and with the last of these texts.
type reader interface {
	reads(t *testing.T, last string) string
	Deafen()
	Reset()
}

// plainReader has a WebSocket; with Socket.IO each message is in an event.
type plainReader struct{ *gatewaytest.Socket }

func (r plainReader) reads(t *testing.T, last string) string { return readTo(t, r.Next, last) }

type eventReader struct{ *gatewaytest.Events }

func (r eventReader) reads(t *testing.T, last string) string { return readTo(t, r.Next, last) }

func readTo(t *testing.T, next func() string, last string) string {
	t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), last) {
		all.WriteString(next())
	}
	return all.String()
}

// waysIn are those of clients that have forgotten their offset, or know of none.
var waysIn = map[string]func(*gatewaytest.Gateway) reader{
	"plain":                   func(g *gatewaytest.Gateway) reader { return plainReader{g.Plain("c1")} },
	"plain, with empty since": func(g *gatewaytest.Gateway) reader { return plainReader{g.Dial("/ws?conn_id=c1&since=")} },
	"Socket.IO": func(g *gatewaytest.Gateway) reader {
		s := g.Engine("conn_id=c1")
		s.Send("40/stream,")
		s.Want("40/stream,")
		return plainReader{s}
	},
	"events, reloaded": func(g *gatewaytest.Gateway) reader { return eventReader{g.Events("conn_id=c1")} },
}

// endings are how a connection ends of which the server hears nothing any more.
var endings = map[string]func(*testing.T, *gatewaytest.Gateway, reader){
	"reset": func(t *testing.T, g *gatewaytest.Gateway, r reader) {
		t.Helper()
		r.Reset()
		gatewaytest.Eventually(t, "the socket is gone", func() bool { return !g.Presence.Holds("c1") })
	},
	"reset, and back at once": func(_ *testing.T, _ *gatewaytest.Gateway, r reader) { r.Reset() },
	"silence": func(t *testing.T, g *gatewaytest.Gateway, _ reader) {
		t.Helper()
		gatewaytest.Eventually(t, "the socket is given up", func() bool { return !g.Presence.Holds("c1") })
	},
	"silence, and back at once": func(*testing.T, *gatewaytest.Gateway, reader) {},
}

// awaitDelivered returns when so many messages were written to sockets.
func awaitDelivered(t *testing.T, g *gatewaytest.Gateway, messages int) {
	t.Helper()
	want := fmt.Sprintf("channelstream_gateway_deliveries_total %d\n", messages)
	gatewaytest.Eventually(t, fmt.Sprint(messages, " messages were delivered"), func() bool { return strings.Contains(g.Metrics(), want) })
}

func TestWhatAClientsHostHasNotAcknowledgedComesAgainAndNothingElse(t *testing.T) {
	t.Parallel()
	for way, open := range waysIn {
		for how, end := range endings {
			t.Run(way+", "+how, func(t *testing.T) {
				t.Parallel()
				g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=1s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=1s")
				g.Presence.Register("c1", "alice", "news")
				g.Presence.CatchUp("c1", g.Store("news", said(10))) // as /connect does
				r := open(g)
				g.Store("news", said(11))
				g.Store("news", said(12))
				r.reads(t, `{"n":12,`)
				r.Deafen()
				g.Store("news", said(13))
				g.StoreToUser("alice", said(14))
				awaitDelivered(t, g, 4)
				end(t, g, r)
				g.Store("news", said(15))
				r = open(g)
				got := r.reads(t, `{"n":15,`)
				for _, n := range []int{13, 14, 15} {
					if strings.Count(got, fmt.Sprintf(`{"n":%d,`, n)) != 1 {
						t.Errorf("message %d did not come once: %s", n, got)
					}
				}
				for _, n := range []int{10, 11, 12} {
					if strings.Contains(got, fmt.Sprintf(`{"n":%d,`, n)) {
						t.Errorf("message %d was acknowledged, and came again: %s", n, got)
					}
				}
				g.Store("news", said(16))
				if got := r.reads(t, `{"n":16,`); strings.Count(got, `{"n":`) != 1 {
					t.Errorf("then came %s", got)
				}
			})
		}
	}
}

// pollsFor polls until it got a text, and gives all that it got.
func pollsFor(t *testing.T, p *gatewaytest.Poller, text string) string {
	t.Helper()
	return readTo(t, func() string { return p.Poll().Body }, text)
}

// pollerOf opens a session of a connection that polls, and gives its first answer.
func pollerOf(g *gatewaytest.Gateway, connID string) (p *gatewaytest.Poller, welcome string) {
	p = g.Poller("conn_id=" + connID)
	p.Send("40/stream,")
	return p, p.Want("40/stream,")
}

// lostPoll makes a poll whose answer does not arrive.
func lostPoll(t *testing.T, g *gatewaytest.Gateway, p *gatewaytest.Poller) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck // the test is over
	netfault.Deafen(t, conn)
	if _, err := io.WriteString(conn, "GET "+p.Path()+" HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

func TestWhatNoPollFetchedComesAgainAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, back := range []string{"at once", "when the session is given up"} {
		t.Run(back, func(t *testing.T) {
			t.Parallel()
			g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=1s", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=1s")
			g.Presence.Register("c1", "alice", "news")
			p, _ := pollerOf(g, "c1")
			g.Store("news", said(11))
			pollsFor(t, p, `{"n":11,`)
			lostPoll(t, g, p) // which says that the first one arrived
			g.Store("news", said(12))
			awaitDelivered(t, g, 2) // answers that poll
			g.Store("news", said(13))
			awaitDelivered(t, g, 3) // is kept for the next
			if back != "at once" {
				gatewaytest.Eventually(t, "the session is given up", func() bool { return !g.Presence.Holds("c1") })
			}
			p, got := pollerOf(g, "c1")
			g.Store("news", said(14))
			got += pollsFor(t, p, `{"n":14,`)
			if strings.Contains(got, `{"n":11,`) || strings.Count(got, `{"n":`) != 3 {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A session that moved to a WebSocket has got what it polled for.
func TestWhatWasPolledForBeforeAnUpgradeDoesNotComeAgain(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p, _ := pollerOf(g, "c1")
	g.Store("news", said(11))
	pollsFor(t, p, `{"n":11,`)
	s := p.Upgrade()
	s.Send("2probe")
	s.Want("3probe")
	g.Store("news", said(12))
	awaitDelivered(t, g, 2)
	s.Send("5")
	s.Want(`42/stream,["message",[{"n":12,`)
	s.Deafen()
	g.Store("news", said(13))
	awaitDelivered(t, g, 3)
	s.Reset()
	s = g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want("40/stream,")
	s.Want(`42/stream,["message",[{"n":13,`)
	s.WantNothing()
}

// Of what came while the client was away all comes, however much that is: the gateway knew where it stopped.
func TestAClientThatWasAwayGetsMoreThanTheNewest(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Plain("c1")
	g.Store("news", said(1))
	s.Want(`[{"n":1,`)
	s.Drop()
	gatewaytest.Eventually(t, "the socket is gone", func() bool { return !g.Presence.Holds("c1") })
	const many = 400
	for n := range many {
		g.Store("news", said(1000+n))
	}
	s = g.Plain("c1")
	got := readTo(t, s.Next, fmt.Sprintf(`{"n":%d,`, 1000+many-1))
	if n := strings.Count(got, `{"n":`); n != many || strings.Contains(got, `{"n":1,`) {
		t.Errorf("%d messages came, want %d: %.100s", n, many, got)
	}
}

func TestAClientThatWasAwayForMoreThanTheLogHoldsIsTold(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	at := g.Store("news", said(1)) - 1000 // of a log whose beginning is gone
	g.Presence.Stopped("c1", at)
	missed := fmt.Sprintf(`{"type":"missed","channel":null,"since":%d}`, at)
	g.Plain("c1").Want("[" + missed + "]")
	g.Presence.Stopped("c1", at)
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want("40/stream,")
	s.Want(`42/stream,["missed",` + missed + "]")
	g.Presence.Stopped("c1", at)
	if answer := g.Request(http.MethodGet, "/listen?conn_id=c1", ""); !strings.HasPrefix(answer.Body, "["+missed+",") {
		t.Errorf("got %s", answer.Body)
	}
}

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// fill registers connections of a user and opens sockets of theirs.
func fill(g *gatewaytest.Gateway, sockets int) (open []*gatewaytest.Socket) {
	for n := range 10 {
		g.Presence.Register(fmt.Sprint("c", n), "alice", "news")
	}
	for n := range sockets {
		open = append(open, g.Plain(fmt.Sprint("c", n)))
	}
	return open
}

func TestWhoDoesNotFitIsSentAwayByEveryWayIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting, why string
		status       int
	}{
		"gateway": {"CHANNELSTREAM_MAX_SESSIONS=2", "full", http.StatusServiceUnavailable},
		"address": {"CHANNELSTREAM_MAX_SESSIONS_PER_ADDRESS=2", "address", http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gatewaytest.Start(t, c.setting)
			open := fill(g, 2)
			for _, path := range []string{"/listen?conn_id=c5", gatewaytest.Polling} {
				answer := g.Request(http.MethodGet, path, "")
				if answer.Status != c.status || answer.Header.Get("Retry-After") == "" || !strings.Contains(answer.Body, "try again later") {
					t.Errorf("%s was answered with %d %s", path, answer.Status, answer.Body)
				}
			}
			for _, path := range []string{"/ws?conn_id=c5", socketPath} {
				if _, response, err := g.TryDial(path); err == nil || response.StatusCode != c.status {
					t.Errorf("%s: %v, %v", path, response, err)
				}
			}
			// An EventSource gives up for good at any status but 200.
			if answer := g.Request(http.MethodGet, "/sse?conn_id=c5", ""); answer.Status != http.StatusOK || !strings.HasPrefix(answer.Body, "retry: ") {
				t.Errorf("an EventSource was answered with %d %s", answer.Status, answer.Body)
			}
			if metrics := g.Metrics(); !strings.Contains(metrics, `channelstream_gateway_refused_total{why="`+c.why+`"} 5`) {
				t.Errorf("refusals are not counted: %s", metrics)
			}
			open[0].Drop()
			gatewaytest.Eventually(t, "there is room again", func() bool {
				_, _, err := g.TryDial("/ws?conn_id=c5")
				return err == nil
			})
		})
	}
}

func TestAUserWithTooManyClientsIsSentAway(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_SESSIONS_PER_USER=2")
	open := fill(g, 2)
	if _, response, err := g.TryDial("/ws?conn_id=c5"); err == nil || response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a third socket: %v, %v", response, err)
	}
	s := g.Engine("conn_id=c6")
	s.Send("40/stream,")
	s.Want(`44/stream,{"message":"This user has as many clients as one may have; try again later."}`)
	g.Presence.Register("other", "bob", "news")
	g.Plain("other")
	open[1].Drop()
	gatewaytest.Eventually(t, "there is room again", func() bool {
		_, _, err := g.TryDial("/ws?conn_id=c5")
		return err == nil
	})
}

func TestAnAddressThatOpensTooFastIsSentAway(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_OPENS_PER_SECOND=1")
	refused := 0
	for range 20 { // ten may come at once
		if g.Request(http.MethodGet, gatewaytest.Polling, "").Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || refused > 10 {
		t.Errorf("%d of 20 were refused", refused)
	}
}

package generator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// gateways are the servers of a test: what they were asked, in order, and what they answer, each answer once.
type gateways struct {
	mu      sync.Mutex
	asked   []string // guarded by mu: which gateway, and what
	answers []string // guarded by mu: to polls
}

func (g *gateways) start(t *testing.T, name string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		defer g.mu.Unlock()
		sid := r.URL.Query().Get("sid")
		g.asked = append(g.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", name, r.Method, sid, body)))
		switch {
		case sid == "":
			_, _ = io.WriteString(w, `0{"sid":"the-sid"}`)
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, "ok")
		case len(g.answers) == 0:
			http.Error(w, "the test has no more answers", http.StatusBadRequest)
		default:
			_, _ = io.WriteString(w, g.answers[0])
			g.answers = g.answers[1:]
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// What a client that polls asks which gateway, and what it gets.
func TestARoundRobinGivesEachRequestToTheNextGateway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		client Client
		want   string
	}{
		{RoundRobinPolling, "b GET, c POST the-sid 40, a GET the-sid, b GET the-sid, c GET the-sid, a POST the-sid 3, b GET the-sid"},
		{StickyPolling, "a GET, a POST the-sid 40, a GET the-sid, a GET the-sid, a GET the-sid, a POST the-sid 3, a GET the-sid"},
	} {
		first, second := string(appendPayload(nil, mark{}, MinPayload)), string(appendPayload(nil, mark{sequence: 1}, MinPayload))
		g := &gateways{answers: []string{`40{"sid":"x"}`, first, second + packetSeparator + enginePing}}
		target := Target{Dialect: "channelstream", Sockets: g.start(t, "a"), Elsewhere: []string{g.start(t, "b"), g.start(t, "c")}}
		r, err := newRun(Job{Target: target, Work: Work{Kind: Compare, Sockets: 1, Channels: 1, Turns: 1, Payload: MinPayload, Clients: []Client{c.client}}}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.startPolling(t.Context(), 0, r.dialects[0].(overPolling), newLedger(0, 1)); err != nil {
			t.Fatal(err)
		}
		awaitFresh(t, r.board, 2)
		r.pollers.running.Wait() // it ends as the answers do
		s := r.board.sockets[0].Load()
		if faults := s.ledger.close(func(uint32) uint32 { return 2 }); faults.Sum() != 0 || !strings.Contains(s.reason, "no more answers") {
			t.Errorf("%s: %+v, ended by %q", c.client, faults, s.reason)
		}
		if want := strings.Split(c.want, ", "); !slices.Equal(g.asked, want) {
			t.Errorf("%s: asked %q, want %q", c.client, g.asked, want)
		}
		r.pollers.close()
	}
}

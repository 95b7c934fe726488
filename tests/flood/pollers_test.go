package flood

import (
	"strings"
	"testing"
)

// mostPolls is how many polls of one connection a server may answer in a second: two that end each other for ever are not
// answered as fast as the network carries them.
const mostPolls = 100

func wantFewAnswers(t *testing.T, r report) {
	t.Helper()
	if rate := float64(r.Answers) / r.Seconds; rate > mostPolls {
		t.Errorf("%.0f polls of one connection were answered in a second, more than %d", rate, mostPolls)
	}
}

func TestTwoPollersOfOneConnection(t *testing.T) {
	s := newServer(t)
	path := strings.Replace(s.plain(1, "news")[0], "/ws", "/listen", 1)
	wantFewAnswers(t, withstand(t, s, attack{
		order:  order{Program: "ask", Many: 2, Paths: []string{path}},
		memory: fewMegabytes, least: 2,
		ends: []string{"HTTP 200"},
	}))
}

func TestTwoPollersOfOneEngineIOSession(t *testing.T) {
	s := newServer(t)
	hello := `40/stream,{"username":"` + mallory + `","sig":"` + s.app.UserSignature(mallory) + `"}`
	withstand(t, s, attack{
		order:  order{Program: "chase", Many: 1, Hello: []string{hello}},
		memory: fewMegabytes, least: 2,
		ends: []string{"the end", "HTTP 400"},
	})
}

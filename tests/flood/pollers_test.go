package flood

import "testing"

func TestTwoPollersOfOneEngineIOSession(t *testing.T) {
	s := newServer(t)
	hello := `40/stream,{"username":"` + mallory + `","sig":"` + s.app.UserSignature(mallory) + `"}`
	withstand(t, s, attack{
		order:  order{Program: "chase", Many: 1, Hello: []string{hello}},
		memory: fewMegabytes, least: 2,
		ends: []string{"the end", "HTTP 400"},
	})
}

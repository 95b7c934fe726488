package flood

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestPollingHandshakesThatNeverConnect(t *testing.T) {
	s := newServer(t)
	withstand(t, s, attack{
		order:  order{Program: "ask", Many: 8, Paths: []string{enginePath}},
		memory: fewMegabytes, least: 200,
		ends: []string{"HTTP 200"},
	})
}

// silent is how many sockets never send a packet.
const silent = 2000

func TestSocketsThatNeverConnect(t *testing.T) {
	s := newServer(t, harness.Setting("CONNECT_TIMEOUT", 2*time.Second))
	withstand(t, s, attack{
		order:  order{Program: "hang", Many: silent, Paths: []string{socketIOPath}},
		memory: fewMegabytes, least: silent / 10,
	})
}

func TestConnectionsThatNobodyKnows(t *testing.T) {
	s := newServer(t)
	r := withstand(t, s, attack{
		order: order{
			Program: "ask", Many: 8,
			Paths: []string{"/sse?conn_id=stranger-%d", "/listen?conn_id=stranger-%d"},
		},
		memory: fewMegabytes, least: 200,
		ends: []string{"HTTP 422", "HTTP 200"}, // a stream says in its first event that there are too many
	})
	if r.Ends["HTTP 422"] == 0 {
		t.Error("nobody was told that the connection is unknown")
	}
}

// mostRefusals is how many sockets a server may refuse in a second, of clients that come back as soon as they are refused.
const mostRefusals = 600

// A page whose connection is gone, and which opens the next socket as soon as one is closed.
func TestSocketsThatComeBackAsSoonAsTheyAreRefused(t *testing.T) {
	s := newServer(t)
	r := withstand(t, s, attack{
		order:  order{Program: "hang", Many: silent / 4, Again: true, Paths: []string{"/ws?conn_id=stranger"}},
		memory: fewMegabytes, least: silent / 20,
		ends: []string{"1000 disconnected"},
	})
	told := r.Ends["1000 disconnected"]
	if rate := float64(told) / r.Seconds; told == 0 || rate > mostRefusals {
		t.Errorf("%d sockets were refused, %.0f a second, more than %d", told, rate, mostRefusals)
	}
}

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
			Paths: []string{"/ws?conn_id=stranger-%d", "/sse?conn_id=stranger-%d", "/listen?conn_id=stranger-%d"},
		},
		memory: fewMegabytes, least: 200,
		ends: []string{"HTTP 422", "HTTP 200"}, // a stream says in its first event that there are too many
	})
	if r.Ends["HTTP 422"] == 0 {
		t.Error("nobody was told that the connection is unknown")
	}
}

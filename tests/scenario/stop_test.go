package scenario

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/harness"
)

// What a service would say to NATS at its end does not arrive, and it ends all the same.
func TestAStopEndsThoughNATSHangs(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const limit = 2 * time.Second
		nats := harness.StartNATS(t)
		c := harness.StartOn(t, harness.Roads{NATS: nats}, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, harness.Setting("SHUTDOWN_TIMEOUT", limit))
		_, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		for _, n := range []*harness.Node{c.Gateways[0], c.APIs[0], c.Presences[0]} {
			n.Road.Block()
			began := time.Now()
			n.Leave()
			if took := time.Since(began); took > limit+2*time.Second {
				t.Errorf("%s took %v to end", n.Name, took)
			}
		}
		if reason := s.AwaitClose(); reason != "draining" {
			t.Errorf("the client was sent away with %q", reason)
		}
	}, processes)
}

// Who reads the log may end, as `channelstream | head` does: the server goes on.
func TestABrokenLogPipeDoesNotEndTheServer(t *testing.T) {
	t.Parallel()
	n := processes.AllInOne(t)
	n.BreakLog()
	post(t, n, "room", "hello")
	n.Stop() // it logs that it does, and ends as it should
}

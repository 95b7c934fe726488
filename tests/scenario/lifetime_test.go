package scenario

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/harness"
)

// slack is what a busy machine may add to a time limit.
const slack = 10 * time.Second

func TestKilledGatewayTakesItsConnectionsOutOfInfo(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const lease, linger = 2 * time.Second, 500 * time.Millisecond
		c := harness.Start(t, form, harness.Pairs, harness.Setting("LEASE_TTL", lease), harness.Setting("LINGER", linger))
		enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		enter(t, c.APIs[0], c.Gateways[0], "bob", "room")
		_, stays := enter(t, c.APIs[0], c.Gateways[1], "carol", "room")
		c.Gateways[0].Kill()
		for _, api := range c.APIs {
			harness.Within(t, lease+linger+slack, "only carol is in the room", func() bool {
				room := info(t, api).Channels["room"]
				return room.TotalConnections == 1 && room.Users[0] == "carol"
			})
		}
		post(t, c.APIs[1], "room", "still here")
		hears(t, stays, "still here")
		c.Gateways[0].Start()
		_, again := enter(t, c.APIs[1], c.Gateways[0], "alice", "room")
		post(t, c.APIs[0], "room", "back")
		hears(t, again, "back")
	}, processes)
}

func TestConnectionThatIsNeverOpenedIsForgotten(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		const timeout = time.Second
		c := harness.Start(t, form, harness.Pairs, harness.Setting("CONNECT_TIMEOUT", timeout))
		opened, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		never := register(t, c.APIs[0], "bob", "room") // by the api that is asked: it reads its own writes
		harness.Within(t, timeout+slack, "bob is gone", func() bool { return !knows(t, c.APIs[0], "bob", never) })
		if !knows(t, c.APIs[0], "alice", opened) || !s.IsOpen() {
			t.Error("the connection that was opened is gone, too")
		}
		if word := harness.Refused(t, c.Gateways[0], never); word != "disconnected" {
			t.Errorf("a socket that comes too late is closed with %q, want disconnected", word)
		}
	})
}

func TestDroppedSocketThatComesBackInTimeStaysIn(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		const linger = 2 * time.Second
		c := harness.Start(t, form, harness.Pairs, harness.Setting("LINGER", linger))
		back, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		away, lost := enter(t, c.APIs[0], c.Gateways[0], "bob", "room")
		s.Drop()
		lost.Drop()
		if !knows(t, c.APIs[0], "alice", back) || !knows(t, c.APIs[0], "bob", away) {
			t.Error("a dropped socket counts as gone at once")
		}
		s = harness.Open(t, c.Gateways[1], back)
		harness.Within(t, linger+slack, "bob is gone", func() bool { return !knows(t, c.APIs[0], "bob", away) })
		if !knows(t, c.APIs[0], "alice", back) {
			t.Error("the connection that came back is gone, too")
		}
		post(t, c.APIs[1], "room", "hello")
		hears(t, s, "hello")
	})
}

func TestGatewayThatStopsSendsItsClientsToTheOther(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		alice, before := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		bob, other := enter(t, c.APIs[0], c.Gateways[0], "bob", "room")
		_, stays := enter(t, c.APIs[0], c.Gateways[1], "carol", "room")
		c.Gateways[0].Stop()
		for _, s := range []*harness.Socket{before, other} {
			if reason := s.AwaitClose(); reason != "draining" {
				t.Errorf("closed with %q, want draining", reason)
			}
		}
		if !knows(t, c.APIs[0], "alice", alice) || !knows(t, c.APIs[0], "bob", bob) {
			t.Error("the connections do not linger")
		}
		after := harness.Open(t, c.Gateways[1], alice)
		post(t, c.APIs[1], "room", "moved")
		hears(t, after, "moved")
		hears(t, stays, "moved")
		c.Gateways[0].Start()
		home := harness.Open(t, c.Gateways[0], bob)
		post(t, c.APIs[0], "room", "home")
		hears(t, home, "moved", "home") // what was said since it was sent away comes first
	})
}

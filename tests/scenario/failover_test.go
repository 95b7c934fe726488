package scenario

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestPresenceGoesOnReapingWhenItsLeaderIsKilled(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		const lease, linger, connect = 2 * time.Second, 500 * time.Millisecond, 3 * time.Second
		c := harness.Start(t, form, harness.Pairs, harness.Setting("LEASE_TTL", lease),
			harness.Setting("LINGER", linger), harness.Setting("CONNECT_TIMEOUT", connect))
		stays, s := enter(t, c.APIs[0], c.Gateways[1], "carol", "room")
		dropped, lost := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		never := register(t, c.APIs[0], "bob", "room")
		leader, followers := c.Leader(t)
		leader.Fail()
		lost.Drop()
		harness.Within(t, lease+connect+slack, "the other leads and has reaped", func() bool {
			room, err := c.APIs[0].API().Info(t.Context(), "room")
			return err == nil && room.Channels["room"].TotalConnections == 1
		})
		if next, _ := c.Leader(t); next != followers[0] {
			t.Errorf("%s leads, want %s", next.Name, followers[0].Name)
		}
		for user, connID := range map[string]string{"alice": dropped, "bob": never} {
			if knows(t, c.APIs[1], user, connID) {
				t.Errorf("%s is still there", user)
			}
		}
		if !knows(t, c.APIs[1], "carol", stays) || !s.IsOpen() {
			t.Error("carol, whose socket is open, is gone, too")
		}
		leader.Start()
		post(t, c.APIs[1], "room", "hello")
		hears(t, s, "hello")
	})
}

func TestOtherPresenceServesWhenOneIsKilled(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		for i, one := range c.Presences {
			one.Fail()
			harness.Eventually(t, "the other answers", func() bool {
				_, err := c.APIs[i].API().Connect(t.Context(), client.Connect{User: "bob", ConnID: "bob", Channels: []string{"room"}})
				return err == nil
			})
			harness.Open(t, c.Gateways[1], "bob")
			if !knows(t, c.APIs[i], "alice", connID) || !knows(t, c.APIs[i], "bob", "bob") {
				t.Error("the other does not know who is in the room")
			}
			subscribe(t, c.APIs[i], connID, one.Name)
			post(t, c.APIs[1-i], one.Name, one.Name)
			s.Await(one.Name)
			one.Start()
		}
		hears(t, s, c.Presences[0].Name, c.Presences[1].Name)
	})
}

func TestOtherAPIServesWhenOneIsKilled(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		c.APIs[0].Fail()
		harness.Eventually(t, "the other knows alice", func() bool { return knows(t, c.APIs[1], "alice", connID) })
		post(t, c.APIs[1], "room", "first")
		c.APIs[0].Start()
		c.APIs[1].Fail()
		harness.Eventually(t, "the one that came back knows alice", func() bool { return knows(t, c.APIs[0], "alice", connID) })
		post(t, c.APIs[0], "room", "second")
		hears(t, s, "first", "second")
	})
}

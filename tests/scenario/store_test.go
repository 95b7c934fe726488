package scenario

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// Whoever deleted the streams, and a NATS server that is back without its disk, are the same to the services: they make anew
// what is gone. Who was connected is sent away, since nothing is known of it, and apps connect users again.
func TestAStoreThatIsGoneIsMadeAnew(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		for name, lose := range map[string]func(*harness.NATS){
			"the streams are deleted":          (*harness.NATS).DeleteStreams,
			"NATS is back with an empty store": func(n *harness.NATS) { n.Stop(); n.Wipe(); n.Start() },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const lease = 2 * time.Second
				c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 2, Gateways: 1}, harness.Setting("LEASE_TTL", lease))
				api, gateway := c.APIs[0], c.Gateways[0]
				_, before := enter(t, api, gateway, "alice", "room")
				v := harness.NewViewer(t, register(t, api, "viewer", "room"))
				v.Come(gateway)
				post(t, api, "room", "old")
				hears(t, before, "old")
				v.Await("room", "old")
				lose(c.NATS)
				began := time.Now()
				var after *harness.Socket
				harness.Within(t, 20*time.Second, "a client can be let in", func() bool {
					connection, err := api.API().Connect(t.Context(), client.Connect{User: "bob", ConnID: "bob-is-connected-once", Channels: []string{"room"}})
					if err != nil {
						return false
					}
					var status int
					after, status = harness.TryOpen(t, gateway, connection.ConnID)
					return status == http.StatusSwitchingProtocols
				})
				harness.Within(t, 20*time.Second, "a message can be posted", func() bool {
					_, err := api.API().Publish(t.Context(), client.Message{User: "app", Channel: "room", Message: "new"})
					return err == nil
				})
				t.Logf("it works again after %v", time.Since(began))
				after.Await("new")
				if reason := before.AwaitClose(); reason != "draining" {
					t.Errorf("a client that nobody knows any more was closed with %q", reason)
				}
				harness.Within(t, 3*lease+slack, "who is there is what is counted", func() bool { return connections(t, api, "room") == 1 })
				c.AwaitReady()
			})
		}
	}, processes)
}

// What all gateways and apis need takes none of them out of a proxy: it answers for them then, and worse.
func TestReadinessTellsItsOwnFaultsFromSharedOnes(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, harness.Setting("LEASE_TTL", "1s"))
		degraded := func(n *harness.Node, checks ...string) {
			t.Helper()
			harness.Eventually(t, n.Name+" is degraded", func() bool {
				status, body := n.Health()
				for _, check := range checks {
					if !strings.Contains(body, `"`+check+`":"failing"`) {
						return false
					}
				}
				return status == http.StatusOK && strings.Contains(body, `"status":"degraded"`)
			})
		}
		c.Presences[0].Stop()
		degraded(c.Gateways[0], "gateway lease")
		degraded(c.APIs[0], "api lease")
		c.Presences[0].Start()
		c.AwaitReady()
		c.NATS.Stop()
		degraded(c.Gateways[0], "nats")
		degraded(c.APIs[0], "nats", "logs")
		degraded(c.Presences[0], "nats", "buckets")
		c.NATS.Start()
		c.AwaitReady()
	}, processes)
}

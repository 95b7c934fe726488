package scenario

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// pauseNode stops a process without its knowing, until the returned function is called.
func pauseNode(t *testing.T, n *harness.Node) (goOn func()) {
	t.Helper()
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(n.PID(), s); err != nil {
			t.Errorf("pause or wake %s: %v", n.Name, err)
		}
	}
	signal(syscall.SIGSTOP)
	goOn = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	t.Cleanup(goOn)
	return goOn
}

// connections is how many presence counts in a channel.
func connections(t *testing.T, api *harness.Node, channel string) int {
	t.Helper()
	info, err := api.API().Info(t.Context(), channel)
	if err != nil {
		return -1
	}
	return info.Channels[channel].TotalConnections
}

// Its clients were taken for gone; their sockets are open all the same.
func TestAGatewayThatWasPausedForLongerThanItsLeaseAndLingerHasItsClientsAgain(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const lease, linger = 2 * time.Second, time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 2, Gateways: 1}, harness.Setting("LEASE_TTL", lease), harness.Setting("LINGER", linger))
		api, gateway := c.APIs[0], c.Gateways[0]
		connID, s := enter(t, api, gateway, "alice", "news")
		goOn := pauseNode(t, gateway)
		harness.Eventually(t, "presence takes the client for gone", func() bool { return connections(t, api, "news") == 0 })
		goOn()
		harness.Within(t, 2*lease+time.Second, "presence counts the client again", func() bool { return connections(t, api, "news") == 1 })
		subscribe(t, api, connID, "sport")
		post(t, api, "sport", "sport")
		post(t, api, "news", "news")
		hears(t, s, "sport", "news")
		if known, err := api.API().Disconnect(t.Context(), connID); err != nil || !known {
			t.Errorf("the client can not be sent away: %t, %v", known, err)
		}
	}, processes)
}

func TestSubscriptionsThatAreAcceptedAroundARestartOfNATSComeIntoForce(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const clients, restarts, lease = 30, 3, 6 * time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 2})
		api := c.APIs[0]
		ids := make([]string, clients)
		sockets := make([]*harness.Socket, clients)
		for i := range clients {
			id, s := enter(t, api, c.Gateways[i%2], fmt.Sprintf("user-%d", i))
			ids[i], sockets[i] = id, s
		}
		accepted := make([][]string, clients) // the channels of each
		var total atomic.Int64
		done := make(chan struct{})
		var subscribing sync.WaitGroup
		for i := range clients {
			subscribing.Go(func() {
				for n := 0; ; n++ {
					channel := fmt.Sprintf("channel-%d-%d", i, n)
					_, err := api.API().Subscribe(t.Context(), client.Subscribe{ConnID: ids[i], Channels: []string{channel}})
					if err == nil {
						accepted[i] = append(accepted[i], channel)
						total.Add(1)
					}
					select {
					case <-done:
						return
					case <-time.After(40 * time.Millisecond):
					}
				}
			})
		}
		for range restarts {
			before := total.Load()
			c.NATS.Stop()
			c.NATS.Start()
			harness.Eventually(t, "many were accepted again", func() bool { return total.Load() > before+clients })
		}
		close(done)
		subscribing.Wait()
		for i, channels := range accepted {
			for _, channel := range channels {
				harness.Within(t, 2*lease+time.Second+slack, fmt.Sprintf("client %d hears %s", i, channel), func() bool {
					if slices.Contains(sockets[i].Texts(), channel) {
						return true
					}
					post(t, api, channel, channel)
					return false
				})
			}
		}
	}, processes)
}

func TestAGatewayWithAFixedNameThatStartsAgainHoldsNothingOfItsEarlierLife(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 2, Gateways: 1},
			harness.Setting("GATEWAY_ID", "the-one"), harness.Setting("LEASE_TTL", 5*time.Second), harness.Setting("LINGER", time.Second))
		api, gateway := c.APIs[0], c.Gateways[0]
		const dead = 5
		for i := range dead {
			enter(t, api, gateway, fmt.Sprintf("user-%d", i), "news")
		}
		harness.Eventually(t, "all are counted", func() bool { return connections(t, api, "news") == dead })
		gateway.Kill()
		gateway.Start() // well within its lease
		gateway.AwaitReady()
		_, s := enter(t, api, gateway, "alice", "news")
		harness.Eventually(t, "only who has come since is counted", func() bool { return connections(t, api, "news") == 1 })
		post(t, api, "news", "news")
		hears(t, s, "news")
	}, processes)
}

// Half of what is asked goes to the replica that is paused. The gateways live all the while, and so do their clients.
func TestAReplicaOfPresenceThatWasPausedDeclaresNobodyGone(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const clients, lease = 12, 2 * time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 2, Gateways: 3}, harness.Setting("LEASE_TTL", lease),
			harness.Setting("LINGER", time.Second))
		api := c.APIs[0]
		for i := range clients {
			enter(t, api, c.Gateways[i%3], fmt.Sprintf("user-%d", i), "news")
		}
		stays := func(long time.Duration) {
			t.Helper()
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(long); time.Now().Before(end); <-tick.C {
				if n := connections(t, api, "news"); n >= 0 && n != clients {
					t.Fatalf("%d of %d clients are counted", n, clients)
				}
			}
		}
		leader, followers := c.Leader(t)
		for _, paused := range []*harness.Node{followers[0], leader} {
			goOn := pauseNode(t, paused)
			stays(4 * lease)
			goOn()
			stays(lease)
		}
	}, processes)
}

// What NATS kept for a gateway while it was paused is not for those who were removed meanwhile.
func TestAGatewayThatWasPausedDeliversNothingBeforeItKnowsWhatIsSo(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const lease = 2 * time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1},
			harness.Setting("LEASE_TTL", lease), harness.Setting("LINGER", "1m"), harness.Setting("REQUEST_TIMEOUT", "1s"))
		api, gateway := c.APIs[0], c.Gateways[0]
		removed, out := enter(t, api, gateway, "alice", "room")
		_, in := enter(t, api, gateway, "bob", "room")
		post(t, api, "room", "before")
		hears(t, out, "before")
		hears(t, in, "before")
		goOn := pauseNode(t, gateway)
		began := time.Now()
		harness.Eventually(t, "alice is removed", func() bool {
			_, err := api.API().Unsubscribe(t.Context(), client.Unsubscribe{ConnID: removed, Channels: []string{"room"}})
			return err == nil
		})
		post(t, api, "room", "secret")
		harness.Eventually(t, "the lease has lapsed", func() bool { return time.Since(began) > lease+lease/2 })
		goOn()
		hears(t, in, "before", "secret")
		post(t, api, "room", "after")
		hears(t, in, "before", "secret", "after")
		if heard := out.Texts(); len(heard) != 1 {
			t.Errorf("who was removed heard %q", heard)
		}
	}, processes)
}

// An app is not told that something took effect on a socket whose gateway did not say so.
func TestWhatIsNotInForceYetIsSaid(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, harness.Setting("REQUEST_TIMEOUT", "2s"))
		api, gateway := c.APIs[0], c.Gateways[0]
		alice, stays := enter(t, api, gateway, "alice", "room")
		bob, goes := enter(t, api, gateway, "bob", "room")
		goOn := pauseNode(t, gateway)
		subscribed, err := api.API().Subscribe(t.Context(), client.Subscribe{ConnID: alice, Channels: []string{"other"}})
		if err != nil || subscribed.InForce == nil || *subscribed.InForce {
			t.Errorf("while the gateway is paused: in force %v, %v", subscribed.InForce, err)
		}
		var refusal *client.Error
		if _, err := api.API().Disconnect(t.Context(), bob); !errors.As(err, &refusal) || refusal.Status != 503 {
			t.Errorf("the socket of a connection that is gone may be open: %v", err)
		}
		goOn()
		if reason := goes.AwaitClose(); reason != "disconnected" {
			t.Errorf("closed with %q", reason)
		}
		harness.Eventually(t, "the other channel is in force", func() bool {
			post(t, api, "other", "hello")
			return len(stays.Texts()) > 0
		})
		subscribed, err = api.API().Subscribe(t.Context(), client.Subscribe{ConnID: alice, Channels: []string{"third"}})
		if err != nil || subscribed.InForce != nil {
			t.Errorf("when the gateway answers: in force %v, %v", subscribed.InForce, err)
		}
	}, processes)
}

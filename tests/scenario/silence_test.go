package scenario

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// noticed is how long a way that swallows everything may look well: two pings of three seconds, and a little.
const noticed = 10 * time.Second

// NATS gives a replica whose way has failed its share of the questions, until its pings are missed.
func TestAReplicaWhoseWayToNATSSwallowsEverythingIsNotAskedForLong(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.StartOn(t, harness.Roads{NATS: harness.StartNATS(t)}, form, harness.Pairs, harness.Setting("REQUEST_TIMEOUT", "1s"))
		id, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		mute := c.Presences[0]
		mute.Road.Swallow()
		began := time.Now()
		quick := 0 // connects in a row that were answered at once
		harness.Within(t, noticed+slack, "all connects are answered at once", func() bool {
			at := time.Now()
			_, err := c.APIs[0].API().Connect(t.Context(), client.Connect{User: fmt.Sprint("user ", at), Channels: []string{"room"}})
			if quick++; err != nil || time.Since(at) > 500*time.Millisecond {
				quick = 0
			}
			return quick > 20
		})
		if took := time.Since(began); took > noticed {
			t.Errorf("it was noticed after %v", took)
		}
		post(t, c.APIs[1], "room", "hello")
		hears(t, s, "hello")
		if !knows(t, c.APIs[0], "alice", id) {
			t.Error("who is connected is not known any more")
		}
		mute.Road.Unblock()
		c.AwaitReady()
	}, processes)
}

// What a gateway missed for longer than the log reaches can not be read any more, and its clients are told, in order.
func TestClientsOfAGatewayThatWasAwayForLongerThanTheLogReachesAreTold(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const window = 10 * time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, harness.Setting("RESUME_WINDOW", window), harness.Setting("LINGER", "1m"))
		api, gateway := c.APIs[0], c.Gateways[0]
		v := harness.NewViewer(t, register(t, api, "alice", "room"))
		v.Come(gateway)
		post(t, api, "room", "before")
		v.Await("room", "before")
		goOn := pauseNode(t, gateway)
		began := time.Now()
		n := 0
		harness.Eventually(t, "what was missed first is gone from the log", func() bool {
			post(t, api, "room", fmt.Sprint("missed ", n))
			n++
			return time.Since(began) > window+window/2
		})
		goOn()
		harness.Eventually(t, "it is told", func() bool { return strings.Contains(v.Faults(), "no longer") || v.Sees("room", "missed 0") })
		post(t, api, "room", "after")
		v.Await("room", "after", gateway)
		if got := v.View("room"); len(got) < n+2 && v.Faults() == "" {
			t.Errorf("%d of %d messages came, and nothing was told", len(got), n+2)
		}
	}, processes)
}

// An app that was told that a request failed has done something else since: it must not be carried out after all.
func TestAReplicaThatWasPausedDoesNotBeginWhatItsCallersHaveGivenUp(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const requests = 40
		c := harness.Start(t, form, harness.Pairs, harness.Setting("REQUEST_TIMEOUT", "1s"), harness.Setting("LEASE_TTL", "2s"))
		goOn := pauseNode(t, c.Presences[0])
		var failed []string
		var mu sync.Mutex
		var asking sync.WaitGroup
		for i := range requests {
			asking.Go(func() {
				id := fmt.Sprint("connection-", i)
				if _, err := c.APIs[i%2].API().Connect(t.Context(), client.Connect{User: "alice", ConnID: id, Channels: []string{"room"}}); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, id)
				}
			})
		}
		asking.Wait()
		if len(failed) == 0 {
			t.Fatal("no request went to the replica that is paused")
		}
		goOn()
		c.AwaitReady()
		stays := register(t, c.APIs[0], "bob", "room")
		harness.Eventually(t, "the replica that was paused answers", func() bool {
			before := c.Presences[0].Metric(`channelstream_presence_requests_total{outcome="ok",verb="info"}`)
			for range 10 {
				knows(t, c.APIs[0], "bob", stays)
			}
			return c.Presences[0].Metric(`channelstream_presence_requests_total{outcome="ok",verb="info"}`) > before
		})
		for _, id := range failed {
			if knows(t, c.APIs[0], "alice", id) {
				t.Errorf("%s is known, though the app was told that it failed", id)
			}
		}
	}, processes)
}

package scenario

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// notify has a channel told of who comes and goes.
func notify(t *testing.T, api *harness.Node, channel string) {
	t.Helper()
	if _, err := api.API().Configure(t.Context(), map[string]client.ChannelConfig{channel: {NotifyPresence: true}}); err != nil {
		t.Fatal(err)
	}
}

// announced gives what a socket was told of each user, in order.
func announced(s *harness.Socket) map[string][]string {
	told := map[string][]string{}
	for _, m := range s.Messages() {
		if m.Type == "presence" {
			told[m.User] = append(told[m.User], m.Text())
		}
	}
	return told
}

const (
	joined = `{"action":"joined"}`
	parted = `{"action":"parted"}`
)

func TestWhoJoinedIsToldBeforeWhatIsPostedAfterIt(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		notify(t, c.APIs[0], "room")
		c.Leader(t)
		_, s := enter(t, c.APIs[0], c.Gateways[0], "watcher", "room")
		var want []string
		for i := range 20 {
			user, here, there := fmt.Sprint("user ", i), c.APIs[i%2], c.APIs[1-i%2]
			connID := register(t, here, user, "room")
			post(t, there, "room", user)
			unsubscribe(t, there, connID, "room")
			post(t, here, "room", user+" left")
			want = append(want, joined, user, parted, user+" left")
		}
		hears(t, s, want...)
	})
}

// comeAndGo has a user connect and disconnect, each again and again until it is answered.
func comeAndGo(t *testing.T, api *harness.Node, user string) error {
	connected, left := false, false
	deadline := time.Now().Add(harness.Patience)
	for !left {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s could not come and go", user)
		}
		if !connected {
			_, err := api.API().Connect(t.Context(), client.Connect{User: user, ConnID: user, Channels: []string{"room"}})
			connected = err == nil
			continue
		}
		_, err := api.API().Disconnect(t.Context(), user)
		left = err == nil
	}
	return nil
}

func TestEachWhoComesAndGoesIsToldOfOnceThoughTheLeaderDies(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		const apps, users, before, lease = 4, 40, 10, 2 * time.Second
		c := harness.Start(t, form, harness.Pairs, harness.Setting("LEASE_TTL", lease))
		ready := time.Now()
		notify(t, c.APIs[0], "room")
		_, s := enter(t, c.APIs[0], c.Gateways[0], "watcher", "room")
		leader, _ := c.Leader(t)
		harness.Eventually(t, "both replicas are there since before the leader's last record", func() bool { return time.Since(ready) > lease })
		var running errgroup.Group
		for app := range apps {
			running.Go(func() error {
				for i := range users {
					if err := comeAndGo(t, c.APIs[app%2], fmt.Sprintf("%d-%d", app, i)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		harness.Eventually(t, "some have come and gone", func() bool { return s.Count() > before })
		leader.Fail()
		if err := running.Wait(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, "all is told", func() bool { return s.Count() >= 2*apps*users })
		leader.Start()
		post(t, c.APIs[0], "room", "the end")
		s.Await("the end")
		told := announced(s)
		for app := range apps {
			for i := range users {
				user := fmt.Sprintf("%d-%d", app, i)
				if !slices.Equal(told[user], []string{joined, parted}) {
					t.Errorf("told of %s: %q", user, told[user])
				}
			}
		}
	})
}

// A leader that wakes up has the comings and goings before it that another one has told of since.
func TestEachWhoComesAndGoesIsToldOfOnceThoughTheLeaderWasPaused(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const users, lease = 60, 2 * time.Second
		c := harness.Start(t, form, harness.Pairs, harness.Setting("LEASE_TTL", lease), harness.Setting("REQUEST_TIMEOUT", "2s"))
		ready := time.Now()
		notify(t, c.APIs[0], "room")
		_, s := enter(t, c.APIs[0], c.Gateways[0], "watcher", "room")
		leader, others := c.Leader(t)
		harness.Eventually(t, "both replicas are there since before the leader's last record", func() bool { return time.Since(ready) > lease })
		come := func(when string) {
			for i := range users {
				if err := comeAndGo(t, c.APIs[i%2], fmt.Sprintf("%s-%d", when, i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		come("before")
		goOn := pauseNode(t, leader)
		harness.Eventually(t, "another one leads", func() bool { return others[0].Metric("channelstream_presence_leader") == 1 })
		quick := 0 // requests in a row of which none went to the one that is paused
		harness.Eventually(t, "NATS asks it nothing any more", func() bool {
			began := time.Now()
			_, err := c.APIs[0].API().Info(t.Context())
			if quick++; err != nil || time.Since(began) > time.Second {
				quick = 0
			}
			return quick > 20
		})
		come("meanwhile")
		goOn()
		come("after")
		post(t, c.APIs[0], "room", "the end")
		s.Await("the end")
		told := announced(s)
		for _, when := range []string{"before", "meanwhile", "after"} {
			for i := range users {
				user := fmt.Sprintf("%s-%d", when, i)
				if !slices.Equal(told[user], []string{joined, parted}) {
					t.Errorf("told of %s: %q", user, told[user])
				}
			}
		}
	}, processes)
}

package compat

import (
	"context"
	"flag"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

var rolling = flag.Int("compat.rolling", 60, "how many clients go through the rolling restart; 500 need a minute or two")

// rollingKinds are all clients that Node runs.
func rollingKinds() []kind {
	all := slices.DeleteFunc(kinds(), func(k kind) bool {
		byNode := strings.HasPrefix(k.driver, "socket.io-client") || k.driver == "eventsource"
		return !byNode
	})
	socket := kind{client: "ws, npm", transport: "`/ws`", driver: "ws", open: request{Family: "webSocket"}}
	since := socket
	since.transport, since.open.Since, since.offset = "`/ws` with `since`", true, true
	return append(all, socket, since)
}

// Three gateways are restarted one after the other, under clients of all ages on a road without stickiness, and fifty messages a second.
func TestARollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	hosts := harness.StartHosts(t)
	cluster := harness.StartOn(t, hosts, harness.NewProcesses(t.TempDir()), harness.Size{APIs: 1, Presences: 1, Gateways: 3},
		harness.Setting("DRAIN_WINDOW", "1s"))
	system := harness.RoundRobin(t, cluster)
	channels := []string{"a", "b", "c", "d", "e"}
	all := rollingKinds()
	crowd := gather(t, system.Client, all, *rolling/len(all), channels, system.URL)
	t.Logf("%d clients are connected after %v", len(crowd.members), time.Since(crowd.began).Round(time.Millisecond))
	counting := count(t, system.Client, channels)
	for _, gateway := range cluster.Gateways {
		counting.awaitMore()
		began := time.Now()
		gateway.Stop()
		stopped := time.Since(began)
		gateway.Start()
		started := time.Since(began)
		at := counting.now()
		back := crowd.await("is back", func(l *listener) bool { return l.here && l.heard >= at[l.channel] })
		t.Logf("%s stopped in %v, was ready after %v, and %v later everybody was back", gateway.Name,
			stopped.Round(time.Millisecond), started.Round(time.Millisecond), back.Round(time.Millisecond))
	}
	counting.awaitMore()
	counting.end()
	last := counting.now()
	crowd.await("has heard the last", func(l *listener) bool { return l.heard >= last[l.channel] })
	crowd.report()
	if wrong := crowd.those(func(l *listener) bool { return len(l.faults) > 0 }); len(wrong) > 0 {
		t.Errorf("not every client heard all as it should: %s", crowd.some(wrong))
	}
	info, err := system.Client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.TotalConnections != len(crowd.members) || info.UniqueUsers != len(crowd.members) {
		t.Errorf("presence tells of %d connections of %d users, want %d", info.TotalConnections, info.UniqueUsers, len(crowd.members))
	}
}

// counting is an app that posts numbers.
type counting struct {
	t    testing.TB
	stop context.CancelFunc
	work sync.WaitGroup
	last map[string]*atomic.Int64 // by channel
}

// perSecond is how many messages the app posts in all.
const perSecond = 50

// count has an app post 1, 2, 3 and so on to some channels, until end or the end of the test.
func count(t testing.TB, app *client.Client, channels []string) *counting {
	ctx, cancel := context.WithCancel(t.Context())
	c := &counting{t: t, stop: cancel, last: map[string]*atomic.Int64{}}
	for _, channel := range channels {
		last := new(atomic.Int64)
		c.last[channel] = last
		c.work.Go(func() {
			pace := time.NewTicker(time.Second * time.Duration(len(channels)) / perSecond)
			defer pace.Stop()
			for number := int64(1); ; number++ {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
				}
				_, err := app.Publish(context.WithoutCancel(ctx), client.Message{User: "app", Channel: channel, Message: strconv.FormatInt(number, 10)})
				if err != nil {
					t.Errorf("post %d to %q: %v", number, channel, err)
					return
				}
				last.Store(number)
			}
		})
	}
	t.Cleanup(c.end)
	return c
}

// now gives the last number of each channel.
func (c *counting) now() map[string]int {
	now := map[string]int{}
	for channel, last := range c.last {
		now[channel] = int(last.Load())
	}
	return now
}

// awaitMore waits until some more were posted.
func (c *counting) awaitMore() {
	c.t.Helper()
	const more = 10
	before := c.now()
	harness.Eventually(c.t, "more is posted", func() bool {
		now := c.now()
		for channel := range before {
			if now[channel] < before[channel]+more {
				return false
			}
		}
		return true
	})
}

func (c *counting) end() {
	c.stop()
	c.work.Wait()
}

package scenario

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

const (
	clients   = 6   // half of them at each gateway
	busy      = 3   // channels that are posted to all the time
	quietly   = 200 // channels that say their last words around one event
	atOnce    = 64  // of them
	lastWords = "last words"
)

func TestAKilledServerOfThreeNATSServersLosesNothing(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	times := atLength(1, 5)
	a := gatherOn(t, nats, 2*times)
	for range times {
		for _, choose := range []func(stream string) int{nats.FollowerOf, nats.LeaderOf} {
			victim := choose(ns.LogStream())
			a.around(func() { nats.Kill(victim) })
			nats.Start(victim)
		}
	}
	a.check()
}

func TestLeadersOfTheLogThatStepDownLoseNothing(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	times := atLength(5, 25)
	a := gatherOn(t, nats, times)
	for range times {
		a.around(func() { nats.StepDown(ns.LogStream()) })
	}
	a.check()
}

func TestAServerOfThreeNATSServersThatGoesGentlyAndComesBackLosesNothing(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	times := atLength(1, 5)
	a := gatherOn(t, nats, 2*times)
	for range times {
		leader := nats.LeaderOf(ns.LogStream())
		a.around(func() { nats.LameDuck(leader) })
		a.around(func() { nats.Start(leader) })
	}
	a.check()
}

func TestServicesThatMeetNATSServersWithoutLeadersComeUpByThemselves(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	one := harness.Size{APIs: 1, Presences: 1, Gateways: 1}
	old := harness.StartOn(t, nats, processes, one, harness.Setting("NAMESPACE", "old"))
	connID, alice := enter(t, old.APIs[0], old.Gateways[0], "alice", "news")
	post(t, old.APIs[0], "news", "before")
	nats.Restart()
	fresh := harness.StartOn(t, nats, processes, one, harness.Setting("NAMESPACE", "fresh"))
	_, bob := enter(t, fresh.APIs[0], fresh.Gateways[0], "bob", "news")
	for _, system := range []*harness.Cluster{fresh, old} {
		system.AwaitReady()
		insist(t, system, []client.Message{{UUID: "00000000-0000-4000-8000-000000000001", User: "app", Channel: "news", Message: "after"}})
	}
	hears(t, bob, "after")
	hears(t, alice, "before", "after")
	if !knows(t, old.APIs[0], "alice", connID) {
		t.Error("alice, who never left, is not there any more")
	}
}

// audience is clients that stay connected while things happen to NATS, and apps that post to them all the time.
type audience struct {
	t       *testing.T
	cluster *harness.Cluster
	conns   map[string]string // user → connection
	sockets []*harness.Socket
	traffic map[string]*traffic // by channel
	events  int

	mu      sync.Mutex
	longest time.Duration // that a message took to be acknowledged; guarded by mu
}

// gatherOn brings clients into all channels, and has apps post to the busy ones.
func gatherOn(t *testing.T, nats *harness.NATSCluster, events int) *audience {
	t.Helper()
	a := &audience{
		t: t, conns: map[string]string{}, traffic: map[string]*traffic{},
		cluster: harness.StartOn(t, nats, processes, harness.Pairs, harness.Setting("LINGER", "1s"), harness.Setting("MAX_CHANNELS", 10_000)),
	}
	if n := nats.ReplicasOf(ns.LogStream()); n != harness.NATSServers {
		t.Fatalf("the log is kept %d times", n)
	}
	var channels []string
	for i := range busy {
		channels = append(channels, fmt.Sprint("busy ", i))
	}
	for event := range events {
		for i := range quietly {
			channels = append(channels, quiet(event, i))
		}
	}
	for i := range clients {
		user := fmt.Sprint("user ", i)
		connID, s := enter(t, a.cluster.APIs[i%2], a.cluster.Gateways[i%2], user, channels...)
		a.conns[user], a.sockets = connID, append(a.sockets, s)
	}
	for i, channel := range channels[:busy] {
		a.traffic[channel] = begin(t, a.cluster, channel, 1+i*10)
	}
	return a
}

func quiet(event, i int) string { return fmt.Sprintf("quiet %d of event %d", i, event) }

// around has something happen while messages flow, and while channels that are quiet then say their last words.
func (a *audience) around(event func()) {
	a.t.Helper()
	a.flow()
	var next, said atomic.Int64
	var speaking sync.WaitGroup
	for range atOnce {
		speaking.Go(func() {
			for i := next.Add(1); i <= quietly; i = next.Add(1) {
				a.say(a.events, int(i-1))
				said.Add(1)
			}
		})
	}
	harness.Eventually(a.t, "some have said their last words", func() bool { return said.Load() >= quietly/4 })
	event()
	speaking.Wait()
	a.flow()
	a.events++
}

// say posts the last words of a quiet channel until they are acknowledged.
func (a *audience) say(event, i int) {
	began := time.Now()
	insist(a.t, a.cluster, []client.Message{{
		UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), User: "app", Channel: quiet(event, i), Message: lastWords,
	}})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.longest = max(a.longest, time.Since(began))
}

// flow returns when more messages are acknowledged in every busy channel.
func (a *audience) flow() {
	a.t.Helper()
	for _, f := range a.traffic {
		f.awaitMore()
	}
}

// check compares what every client got with what was acknowledged.
func (a *audience) check() {
	a.t.Helper()
	a.cluster.AwaitReady()
	want, all := map[string][]string{}, 0
	for channel, f := range a.traffic {
		want[channel] = f.end()
		all += len(want[channel])
	}
	for event := range a.events {
		for i := range quietly {
			want[quiet(event, i)] = []string{lastWords}
			all++
		}
	}
	for i, s := range a.sockets {
		awaitCount(s, all)
		got := map[string][]string{}
		for _, m := range s.Messages() {
			got[m.In()] = append(got[m.In()], m.Text())
		}
		if !s.IsOpen() || s.Count() != all {
			a.t.Errorf("client %d got %d of %d messages; open: %v", i, s.Count(), all, s.IsOpen())
		}
		for channel, texts := range want {
			if !slices.Equal(got[channel], texts) {
				a.t.Errorf("client %d got %d messages of %s, %d were acknowledged; the first that differs is %s",
					i, len(got[channel]), channel, len(texts), difference(got[channel], texts))
			}
		}
	}
	for user, connID := range a.conns {
		if !knows(a.t, a.cluster.APIs[0], user, connID) {
			a.t.Errorf("%s, who never left, is not there any more", user)
		}
	}
	holes := 0.0
	for _, g := range a.cluster.Gateways {
		holes += g.Metric("channelstream_gateway_holes_total")
	}
	a.t.Logf("%d messages to %d clients; the longest took %v; %v gaps were read from the log", all, len(a.sockets), a.longest, holes)
}

// awaitCount returns when a client has got so many messages, or will not any more.
func awaitCount(s *harness.Socket, many int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(harness.Patience); s.Count() < many && s.IsOpen() && time.Now().Before(until); {
		<-tick.C
	}
}

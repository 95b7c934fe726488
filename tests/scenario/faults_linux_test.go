package scenario

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/tests/harness"
)

var (
	faultCount = flag.Int("faults", 10, "random faults of TestAllAgreeAfterRandomFaults")
	faultSeed  = flag.Uint64("faultseed", 0, "seed of the faults; 0 takes one by the clock")
)

const (
	faultClients  = 24
	faultChannels = 3
)

// Processes are killed, paused, stopped, cut off and started again, one or two at a time, while an app posts and changes who
// hears what. Then all agree on who is there, and everybody got what was for them: all of it, once, in order.
func TestAllAgreeAfterRandomFaults(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		nats := harness.StartNATSOnSmallDisk(t, 192)
		full := false
		f := &faults{lease: 2 * time.Second, natsURL: nats.URL(), whole: func() bool { return nats.Runs() && !full }}
		f.kinds = []func() (string, func()){f.kill, f.stop, f.hold, f.hold, f.block, f.swallow, f.cut, func() (string, func()) {
			nats.Stop()
			return "stop NATS", nats.Start
		}, func() (string, func()) {
			nats.Fill()
			full = true
			return "fill the disk of NATS", func() { nats.Empty(); full = false }
		}}
		f.tell(t, harness.Roads{NATS: nats}, form, *faultCount)
	}, processes)
}

// Elections take longer than the services' leases may: nobody is taken for gone because of one.
func TestAllAgreeAfterRandomFaultsOnThreeNATSServers(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		nats := processes.StartNATSCluster(t)
		f := &faults{lease: 6 * time.Second, natsURL: nats.URL(), whole: func() bool { return true }}
		down := -1 // the server that is away
		f.kinds = []func() (string, func()){f.kill, f.hold, func() (string, func()) {
			stream := []string{ns.LogStream(), bus.BucketStream(ns.Bucket(contract.BucketConnections)), bus.BucketStream(ns.Bucket(contract.BucketLeases))}[f.rand.IntN(3)]
			if down < 0 {
				nats.StepDown(stream)
			}
			return "have another server lead " + stream, func() {}
		}, func() (string, func()) {
			if down >= 0 {
				return "leave two NATS servers", func() {}
			}
			at := f.rand.IntN(harness.NATSServers)
			down = at
			nats.Kill(at)
			return fmt.Sprint("kill NATS server ", at), func() { nats.Start(at); down = -1 }
		}}
		f.tell(t, nats, form, atLength(3, 40))
	}, processes)
}

// tell breaks so many things, and sees what comes of it.
func (f *faults) tell(t *testing.T, nats harness.Servers, form harness.Form, many int) {
	t.Helper()
	seed := *faultSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	}
	t.Logf("%d faults; tell the same ones with -faultseed %d", many, seed)
	c := harness.StartOn(t, nats, form, harness.Size{APIs: 2, Presences: 2, Gateways: 3},
		harness.Setting("LEASE_TTL", f.lease), harness.Setting("LINGER", "30s"), harness.Setting("REQUEST_TIMEOUT", "2s"),
		harness.Setting("RESUME_WINDOW", "10m"))
	f.t, f.c, f.rand = t, c, rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
	var channels []string
	for i := range faultChannels {
		channels = append(channels, fmt.Sprint("channel ", i))
	}
	crowd := gather(t, c, faultClients, append(channels, "less"))
	app := postUntil(t, c, channels)
	churn := changeUntil(t, c, crowd)
	for n := 0; n < many; {
		n += f.some(n)
	}
	app.end()
	churn.end()
	c.AwaitReady()
	began := time.Now()
	var who string
	defer func() {
		if t.Failed() && who != "" {
			t.Log("at last: " + who)
		}
	}()
	harness.Within(t, 2*f.lease+time.Second+slack, "all agree on who is there", func() bool { who = f.agreed(crowd, churn); return who == "" })
	t.Logf("all agree after %v", time.Since(began).Round(time.Millisecond))
	for i, channel := range append(channels, "less", "more") {
		insist(t, c, []client.Message{{User: "app", Channel: channel, Message: "the end", UUID: fmt.Sprintf("0000000%d-0000-4000-8000-ffffffffffff", i)}})
	}
	crowd.await(channels, "the end")
	for i, v := range crowd.viewers {
		for channel, hears := range map[string]bool{"more": churn.put[i], "less": !churn.taken[i]} {
			if hears {
				v.Await(channel, "the end")
			}
		}
	}
	crowd.leave()
	for i, v := range crowd.viewers {
		if faults := v.Faults(); faults != "" {
			t.Errorf("client %d: %s", i, faults)
		}
		for at, channel := range channels {
			want := append(slices.Clone(app.texts[at]), "the end")
			if got := v.View(channel); !slices.Equal(got, want) {
				t.Errorf("client %d got %d messages of %s, %d were acknowledged; the first that differs is %s", i, len(got), channel, len(want), difference(got, want))
			}
		}
		if more, less := v.View("more"), v.View("less"); (len(more) > 0) != churn.put[i] || (len(less) > 0) != !churn.taken[i] {
			t.Errorf("client %d hears %q and %q in channels that it was put into (%t) and taken out of (%t)", i, more, less, churn.put[i], churn.taken[i])
		}
	}
}

// faults breaks a cluster.
type faults struct {
	lease   time.Duration
	natsURL string
	whole   func() bool               // nothing is broken that a start needs
	kinds   []func() (string, func()) // each breaks something, and gives what it did, and what mends it

	// set by tell
	t    *testing.T
	c    *harness.Cluster
	rand *rand.Rand

	broken *harness.Node // by what was broken first; nil: none
}

// some breaks one thing, or two at a time, and mends them. It gives how many.
func (f *faults) some(number int) int {
	f.t.Helper()
	f.broken = nil
	first := f.one(number)
	f.pause(3 * f.lease / 2)
	if f.rand.IntN(3) > 0 {
		f.pause(3 * f.lease / 2)
		first()
		f.pause(time.Second)
		return 1
	}
	second := f.one(number + 1)
	f.pause(3 * f.lease / 2)
	second() // if it is NATS, what was first may need it to start
	first()
	f.pause(time.Second)
	return 2
}

func (f *faults) pause(most time.Duration) {
	select {
	case <-time.After(time.Duration(f.rand.Int64N(int64(most)))):
	case <-f.t.Context().Done():
	}
}

// one breaks something, and gives what mends it.
func (f *faults) one(number int) (mend func()) {
	f.t.Helper()
	if !f.whole() {
		return func() {}
	}
	what, mend := f.kinds[f.rand.IntN(len(f.kinds))]()
	f.t.Logf("fault %d: %s", number, what)
	return mend
}

// node is one that is not broken yet.
func (f *faults) node() *harness.Node {
	nodes := slices.DeleteFunc(slices.Concat(f.c.Gateways, f.c.Presences, f.c.APIs), func(n *harness.Node) bool { return n == f.broken })
	f.broken = nodes[f.rand.IntN(len(nodes))]
	return f.broken
}

func (f *faults) kill() (string, func()) {
	n := f.node()
	n.Kill()
	return "kill " + n.Name, n.Launch
}

func (f *faults) stop() (string, func()) {
	n := f.node()
	n.Leave()
	return "stop " + n.Name, n.Launch
}

func (f *faults) hold() (string, func()) {
	n := f.node()
	return "pause " + n.Name, pauseNode(f.t, n)
}

func (f *faults) block() (string, func()) {
	n := f.node()
	n.Road.Block()
	return "block the road of " + n.Name, n.Road.Unblock
}

func (f *faults) swallow() (string, func()) {
	n := f.node()
	n.Road.Swallow()
	return "swallow what goes to and comes from " + n.Name, n.Road.Unblock
}

func (f *faults) cut() (string, func()) {
	n := f.node()
	n.Road.Cut()
	return "cut off " + n.Name, func() {}
}

// agreed says who does not agree that all clients, and no others, are there; "" if all do.
func (f *faults) agreed(crowd *crowd, churn *churn) string {
	for i, v := range crowd.viewers {
		if !v.Here() {
			return fmt.Sprintf("client %d is away", i)
		}
	}
	sessions := 0.0
	for _, g := range f.c.Gateways {
		sessions += g.Metric("channelstream_gateway_sessions")
	}
	if sessions != faultClients {
		return fmt.Sprintf("the gateways hold %v sessions", sessions)
	}
	for _, p := range f.c.Presences {
		if n := p.Metric("channelstream_presence_connections"); n != faultClients {
			return fmt.Sprintf("%s has %v connections", p.Name, n)
		}
	}
	for _, api := range f.c.APIs {
		info, err := api.API().Info(f.t.Context(), "channel 0", "more", "less")
		if err != nil {
			return err.Error()
		}
		for channel, want := range map[string]int{"channel 0": faultClients, "more": count(churn.put), "less": faultClients - count(churn.taken)} {
			if n := info.Channels[channel].TotalConnections; n != want {
				return fmt.Sprintf("%s says that %d are in %s, not %d", api.Name, n, channel, want)
			}
		}
	}
	return f.bucketAgrees()
}

// bucketAgrees looks at the records themselves.
func (f *faults) bucketAgrees() string {
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Second)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: f.natsURL, Name: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	bucket, err := conn.BindBucket(ctx, ns.Bucket(contract.BucketConnections))
	if err != nil {
		return err.Error()
	}
	attached := map[string]bool{}
	err = bucket.Watch(ctx, func(e bus.Entry) {
		var record contract.ConnectionRecord
		if !e.Deleted && json.Unmarshal(e.Value, &record) == nil && record.State == contract.Attached {
			attached[e.Key] = true
		} else {
			delete(attached, e.Key)
		}
	}, cancel)
	if err != nil || len(attached) != faultClients {
		return fmt.Sprintf("the bucket has %d attached: %v, %v", len(attached), slices.Collect(maps.Keys(attached)), err)
	}
	return ""
}

// steady is an app that posts one message after the other to each channel until end.
type steady struct {
	stop    context.CancelFunc
	posting sync.WaitGroup
	texts   [][]string // acknowledged, by channel; may be read after end
}

func postUntil(t *testing.T, c *harness.Cluster, channels []string) *steady {
	ctx, cancel := context.WithCancel(t.Context())
	p := &steady{stop: cancel, texts: make([][]string, len(channels))}
	for i, channel := range channels {
		p.posting.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				m := client.Message{UUID: fmt.Sprintf("0000000%d-0000-4000-8000-%012d", i, n), User: "app", Channel: channel, Message: fmt.Sprint("message ", n)}
				p.texts[i] = append(p.texts[i], insist(t, c, []client.Message{m})...)
				<-pace.C
			}
		})
	}
	t.Cleanup(p.end)
	return p
}

func (p *steady) end() {
	p.stop()
	p.posting.Wait()
}

// churn is an app that puts clients into one channel and takes clients out of another, each once, and again until it is
// answered. Nobody is put in and taken out: a request that a process was paused with is carried out when it goes on.
type churn struct {
	stop     context.CancelFunc
	changing sync.WaitGroup
	put      []bool // into "more", by client; may be read after end
	taken    []bool // out of "less"; as put
}

func changeUntil(t *testing.T, c *harness.Cluster, crowd *crowd) *churn {
	ctx, cancel := context.WithCancel(t.Context())
	ch := &churn{stop: cancel, put: make([]bool, len(crowd.viewers)), taken: make([]bool, len(crowd.viewers))}
	ch.changing.Go(func() {
		for i, v := range crowd.viewers {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			for attempt := i; t.Context().Err() == nil; attempt++ {
				api := c.APIs[attempt%len(c.APIs)].API()
				var err error
				if i%2 == 0 {
					_, err = api.Subscribe(t.Context(), client.Subscribe{ConnID: v.ConnID(), Channels: []string{"more"}})
				} else {
					_, err = api.Unsubscribe(t.Context(), client.Unsubscribe{ConnID: v.ConnID(), Channels: []string{"less"}})
				}
				if err == nil {
					break
				}
				<-time.After(20 * time.Millisecond)
			}
			ch.put[i], ch.taken[i] = i%2 == 0, i%2 == 1
		}
	})
	t.Cleanup(ch.end)
	return ch
}

// end stops it when what it does is answered.
func (ch *churn) end() {
	ch.stop()
	ch.changing.Wait()
}

// count is how many are so.
func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

package harness

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clusterDefaults are an operator's, but for what makes a test short: sockets are sent away quickly at a stop.
var clusterDefaults = []Option{
	"CHANNELSTREAM_HOST=127.0.0.1",
	"CHANNELSTREAM_PORT=0",
	"CHANNELSTREAM_DRAIN_WINDOW=100ms",
	"CHANNELSTREAM_LOG_FORMAT=json",
}

// Size says how many of each service a Cluster has.
type Size struct{ APIs, Presences, Gateways int }

// Pairs is two of each: the smallest cluster in which one can do without the other.
var Pairs = Size{APIs: 2, Presences: 2, Gateways: 2}

// Servers are what a Cluster works on: NATS, by Roads or from Hosts or not, or NATSCluster.
type Servers interface {
	options() []Option // that tell a service where NATS is
}

// Cluster is services on NATS. But for what says otherwise, it is for one goroutine, that of the test.
type Cluster struct {
	NATS      *NATS // nil on others than one server
	APIs      []*Node
	Presences []*Node
	Gateways  []*Node
	Secret    string

	form Form
}

// Start runs a cluster until the end of the test, on a NATS server of its own. It returns when every node is ready.
func Start(t testing.TB, form Form, size Size, options ...Option) *Cluster {
	t.Helper()
	return StartOn(t, StartNATS(t), form, size, options...)
}

// StartOn is Start on NATS servers that may have other clusters.
func StartOn(t testing.TB, nats Servers, form Form, size Size, options ...Option) *Cluster {
	t.Helper()
	// Of its own, so that a node of another test, on the port of one that was stopped here, is not taken for it.
	secret := rand.Text()
	own := []Option{Setting("SECRET", secret), Setting("DATA_DIR", t.TempDir())}
	c := &Cluster{form: form, Secret: secret}
	switch on := nats.(type) {
	case *NATS:
		c.NATS = on
	case Roads:
		c.NATS = on.NATS
	case *Hosts:
		c.NATS = on.NATS
	}
	add := func(k kind, many int) (nodes []*Node) {
		for i := range many {
			n := &Node{Name: fmt.Sprintf("%s-%d", k, i), t: t, secret: secret, form: form, kind: k, log: newLog()}
			at := nats.options()
			if roads, is := nats.(Roads); is {
				n.Road = roads.open()
				at = []Option{Setting("NATS_URL", "nats://"+n.Road.Addr())}
			}
			if hosts, is := nats.(*Hosts); is {
				n.host = hosts.add(string(k))
				at = append(at, Setting("HOST", n.host), Setting("PORT", servicePort),
					Setting("OPERATOR_HOST", n.host), Setting("OPERATOR_PORT", operatorPort))
			}
			n.environ = slices.Concat(clusterDefaults, at, own, options)
			nodes = append(nodes, n)
		}
		return nodes
	}
	c.Presences, c.APIs, c.Gateways = add(kindPresence, size.Presences), add(kindAPI, size.APIs), add(kindGateway, size.Gateways)
	t.Cleanup(c.end)
	for _, n := range c.nodes() {
		n.Launch()
	}
	c.AwaitReady()
	return c
}

func (c *Cluster) nodes() []*Node { return slices.Concat(c.Presences, c.APIs, c.Gateways) }

// end stops what still runs, presence last, since the others tell it what they held.
func (c *Cluster) end() {
	for _, nodes := range [][]*Node{c.Gateways, c.APIs, c.Presences} {
		var stopping sync.WaitGroup
		for _, n := range nodes {
			stopping.Go(n.end)
		}
		stopping.Wait()
	}
}

// AwaitReady waits until every node that runs says that it is ready.
func (c *Cluster) AwaitReady() {
	for _, n := range c.nodes() {
		if n.Runs() {
			n.AwaitReady()
		}
	}
}

// Leader gives the presence replica that leads, and the others.
func (c *Cluster) Leader(t testing.TB) (leader *Node, followers []*Node) {
	t.Helper()
	Eventually(t, "one presence replica leads", func() bool {
		leader, followers = nil, nil
		for _, n := range c.Presences {
			if n.Runs() && n.leads() {
				leader = n
			} else {
				followers = append(followers, n)
			}
		}
		return leader != nil
	})
	return leader, followers
}

// Patience is how long a condition is waited for. It is only used up by a test that fails.
const Patience = 30 * time.Second

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	Within(t, Patience, what, condition)
}

// Within waits for a condition that must come true in some time.
func Within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v in vain until %s", limit, what)
		}
	}
}

// Setting gives one option.
func Setting(key string, value any) Option {
	return Option(fmt.Sprintf("CHANNELSTREAM_%s=%v", strings.ToUpper(key), value))
}

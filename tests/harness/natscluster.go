package harness

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// NATSServers is how many servers a NATSCluster has.
const NATSServers = 3

// NATSCluster is three NATS servers with JetStream, each a process of its own, on ports and with a store that it keeps
// when it comes back. It is for one goroutine, that of the test.
type NATSCluster struct {
	// set at construction
	t       testing.TB
	servers []*natsServer
	conn    *bus.Conn // asks the cluster about itself

}

// StartNATSCluster runs a cluster until the end of the test. It returns when JetStream has a leader and all are current.
func (p *Processes) StartNATSCluster(t testing.TB) *NATSCluster {
	t.Helper()
	if err := p.buildNATS(); err != nil {
		t.Fatal(err)
	}
	c := &NATSCluster{t: t, servers: natsServers(t, p.natsProgram())}
	t.Cleanup(c.end)
	for i := range c.servers {
		c.launch(i)
	}
	c.AwaitCurrent()
	c.conn = c.dial(c.URL())
	return c
}

// URL is where clients find the servers, separated by commas.
func (c *NATSCluster) URL() string {
	urls := make([]string, len(c.servers))
	for i := range c.servers {
		urls[i] = c.URLOf(i)
	}
	return strings.Join(urls, ",")
}

// URLOf is where clients find one of the servers.
func (c *NATSCluster) URLOf(i int) string {
	return fmt.Sprintf("nats://127.0.0.1:%d", c.servers[i].port)
}

func (c *NATSCluster) options() []Option {
	return []Option{Setting("NATS_URL", c.URL()), Setting("NATS_REPLICAS", NATSServers)}
}

// Connect connects to one of the servers and, should it go, to no other, until the end of the test.
func (c *NATSCluster) Connect(i int) *bus.Conn {
	c.t.Helper()
	return c.dial(c.URLOf(i))
}

func (c *NATSCluster) dial(url string) *bus.Conn {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: url, Name: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(conn.Close)
	return conn
}

func (c *NATSCluster) launch(i int) {
	c.t.Helper()
	if err := c.servers[i].launch(); err != nil {
		c.t.Fatalf("start NATS server %d: %v", i, err)
	}
}

// Start starts a server again, and waits until it has all that it missed.
func (c *NATSCluster) Start(i int) {
	c.t.Helper()
	c.launch(i)
	c.AwaitCurrent()
}

// Kill ends a server as kill -9 does, and waits.
func (c *NATSCluster) Kill(i int) {
	c.t.Helper()
	c.servers[i].run.Kill()
	<-c.servers[i].run.Done() // its error is the signal
	c.servers[i].run = nil
}

// Restart kills all servers and starts them again. It does not wait: they have no leaders yet when it returns.
func (c *NATSCluster) Restart() {
	c.t.Helper()
	for i := range c.servers {
		c.Kill(i)
	}
	for i := range c.servers {
		c.launch(i)
	}
}

// LameDuck lets a server go gently: it hands what it leads to others, and its clients away one by one. It returns when the
// server has ended.
func (c *NATSCluster) LameDuck(i int) {
	c.t.Helper()
	if err := c.servers[i].lameDuck(); err != nil {
		c.t.Fatalf("let NATS server %d go: %v", i, err)
	}
	Eventually(c.t, fmt.Sprintf("NATS server %d has gone", i), func() bool {
		select {
		case <-c.servers[i].run.Done():
			return true
		default:
			return false
		}
	})
	c.servers[i].run = nil
}

// AwaitCurrent waits until every server that runs has a leader of JetStream and all that was stored.
func (c *NATSCluster) AwaitCurrent() {
	c.t.Helper()
	for _, s := range c.servers {
		if s.run == nil {
			continue
		}
		if err := s.awaitCurrent(); err != nil {
			c.t.Fatal(err)
		}
	}
}

// streamInfo is JetStream's answer about a stream, as far as it is of interest.
type streamInfo struct {
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
	Config struct {
		Replicas int `json:"num_replicas"`
	} `json:"config"`
	Cluster struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
}

// LeaderOf waits until a stream has a leader, and gives the server.
func (c *NATSCluster) LeaderOf(stream string) int {
	c.t.Helper()
	leader := -1
	Eventually(c.t, stream+" has a leader", func() bool {
		info, err := c.ask("$JS.API.STREAM.INFO." + stream)
		leader = slices.IndexFunc(c.servers, func(s *natsServer) bool { return s.name == info.Cluster.Leader && s.run != nil })
		return err == nil && leader >= 0
	})
	return leader
}

// FollowerOf gives a server that does not lead a stream.
func (c *NATSCluster) FollowerOf(stream string) int {
	c.t.Helper()
	return (c.LeaderOf(stream) + 1) % NATSServers
}

// ReplicasOf gives the number of servers that keep a stream.
func (c *NATSCluster) ReplicasOf(stream string) int {
	c.t.Helper()
	replicas := 0
	Eventually(c.t, stream+" is known", func() bool {
		info, err := c.ask("$JS.API.STREAM.INFO." + stream)
		replicas = info.Config.Replicas
		return err == nil && info.Error == nil
	})
	return replicas
}

// StepDown makes another server lead a stream, and returns when one does.
func (c *NATSCluster) StepDown(stream string) {
	c.t.Helper()
	before := c.LeaderOf(stream)
	if info, err := c.ask("$JS.API.STREAM.LEADER.STEPDOWN." + stream); err != nil || info.Error != nil {
		c.t.Fatalf("step down as leader of %s: %v %+v", stream, err, info.Error)
	}
	Eventually(c.t, "another leads "+stream, func() bool { return c.LeaderOf(stream) != before })
}

func (c *NATSCluster) ask(subject string) (streamInfo, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return bus.Call[streamInfo](ctx, c.conn, subject, struct{}{})
}

func (c *NATSCluster) end() {
	for i, s := range c.servers {
		if s.run != nil {
			c.Kill(i)
		}
		if c.t.Failed() {
			c.t.Logf("log of %s:\n%s", s.name, s.log)
		}
	}
}

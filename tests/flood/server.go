package flood

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
	"github.com/channelstream/channelstream/tests/load/procfs"
)

// processes has the programs; it is set once, before any test runs.
var processes *harness.Processes

// server is a process that clients come to.
type server struct {
	*harness.Node // the all-in-one, or a gateway
	t             *testing.T
	app           *client.Client
}

// unlimited lets clients send as many frames as the server reads: what it is fair with then is not for want of work.
var unlimited = harness.Setting("PACKETS_PER_SECOND", 0)

// newServer starts the all-in-one with the settings of the harness, but for options. Connections stay known for the whole
// test, with a socket or without, so that an attacker can come back with them. The log is in memory, so that a disk that others
// keep busy does not make messages late, and small, so that it takes no part in what the server holds.
func newServer(t *testing.T, options ...harness.Option) *server {
	t.Helper()
	options = append([]harness.Option{
		harness.Setting("LINGER", time.Minute), harness.Setting("CONNECT_TIMEOUT", 5*time.Minute),
		harness.Setting("HEARTBEAT_TIMEOUT", 5*time.Second),
		harness.Setting("LOG_STORAGE", "memory"), harness.Setting("LOG_BYTES", "16MiB"),
	}, options...)
	node := processes.AllInOne(t, options...)
	return &server{Node: node, t: t, app: node.API()}
}

// memoryCeiling ends an attack: a server that holds so much has failed already, and the machine has others to serve.
const memoryCeiling = 1500 << 20

// memory watches what a process holds.
type memory struct {
	before int64 // bytes, when the watch began
	peak   atomic.Int64
	full   chan struct{} // closed at the ceiling
	stop   chan struct{}
	ended  chan struct{}
}

// watchMemory begins a watch.
func (s *server) watchMemory() *memory {
	s.t.Helper()
	before, err := procfs.Resident(s.PID())
	if err != nil {
		s.t.Fatal(err)
	}
	m := &memory{before: before, full: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{})}
	m.peak.Store(before)
	go m.run(s.PID()) // ends with close
	return m
}

func (m *memory) run(pid int) {
	defer close(m.ended)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-tick.C:
		}
		now, err := procfs.Resident(pid)
		if err != nil {
			return // it has ended, which the bystander notices
		}
		m.peak.Store(max(m.peak.Load(), now))
		if now > memoryCeiling {
			close(m.full)
			return
		}
	}
}

// close ends the watch.
func (m *memory) close() {
	close(m.stop)
	<-m.ended
}

// grown is how much more the process held than before, at the most.
func (m *memory) grown() int64 { return m.peak.Load() - m.before }

// holdings is what a server has of its clients.
type holdings struct {
	sessions, waiting, goroutines, files float64
}

func (s *server) holdings() holdings {
	return holdings{
		sessions:   s.Metric("channelstream_gateway_sessions"),
		waiting:    s.Metric("channelstream_gateway_waiting"),
		goroutines: s.Metric("go_goroutines"),
		files:      s.Metric("process_open_fds"),
	}
}

// Slack of what comes and goes by itself: a connection and two goroutines of each of a bystander's posters, who need as many
// as the server is slow; timers and files of the server.
const (
	slackGoroutines = 2*posters + 8
	slackFiles      = posters + 8
)

// atMost says whether a server has no more than it had.
func (h holdings) atMost(before holdings) bool {
	return h.sessions <= before.sessions && h.waiting <= before.waiting &&
		h.goroutines <= before.goroutines+slackGoroutines && h.files <= before.files+slackFiles
}

// recovery is how long a server may take to be rid of an attack: heartbeat and linger of the harness several times over.
const recovery = 30 * time.Second

// awaitRecovery waits until the server has no more than it had before.
func (s *server) awaitRecovery(before holdings) {
	s.t.Helper()
	deadline := time.NewTimer(recovery)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now := s.holdings()
		if now.atMost(before) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Errorf("%v after the attack the server still has %+v, before it had %+v", recovery, now, before)
			return
		}
	}
}

// closed is how many sessions the server has ended for a reason.
func (s *server) closed(reason string) int {
	return int(s.Metric(fmt.Sprintf("channelstream_gateway_closed_total{reason=%q}", reason)))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/netfault"
)

// kind is a service by the name of its binary.
type kind string

const (
	kindAPI      kind = "api"
	kindPresence kind = "presence"
	kindGateway  kind = "gateway"
	kindAllInOne kind = "channelstream"
)

// stopLimit is how long a node may take to stop when asked to.
const stopLimit = 20 * time.Second

// Node is one service of a cluster, with a port of its own, which is another one after each start, unless it is one of Hosts.
type Node struct {
	Name string         // e.g. "gateway-1"
	Road *netfault.Road // to NATS; nil unless the cluster was started on Roads

	// set at construction
	t       testing.TB
	secret  string
	form    Form
	kind    kind
	host    string // its own, on which it has the ports of a container; empty: it has any port on loopback
	environ []Option
	log     *logBook

	run running                       // nil while it is stopped; owned by the test's goroutine
	url atomic.Pointer[string]        // as it was started last
	api atomic.Pointer[client.Client] // of a node that has an api, as it was started last
}

// running is a started service.
type running interface {
	Address() string // host:port
	Interrupt()      // asks it to stop, as SIGTERM does
	Kill()           // ends it at once, in a form that can
	Done() <-chan struct{}
	Err() error // after Done
}

// Launch starts the node as Start does, and does not wait: it listens, and may not be ready yet.
func (n *Node) Launch() {
	n.t.Helper()
	run, err := n.form.start(n.kind, n.environ, n.log)
	if err != nil {
		n.t.Fatalf("start %s: %v\n%s", n.Name, err, n.log)
	}
	n.run = run
	address := "http://" + run.Address()
	if n.host != "" { // either of its ports may have been logged last
		address = fmt.Sprintf("http://%s:%d", n.host, servicePort)
	}
	n.url.Store(&address)
	if n.kind != kindAPI && n.kind != kindAllInOne {
		return
	}
	n.api.Store(Client(n.t, n.URL(), n.secret, n.environ...))
}

// API calls an api, where it was started last. It may be asked for by any goroutine.
func (n *Node) API() *client.Client { return n.api.Load() }

// Start starts a node that was stopped, and waits until it is ready.
func (n *Node) Start() {
	n.t.Helper()
	n.Launch()
	n.AwaitReady()
}

// Runs says whether the node was started and not stopped since.
func (n *Node) Runs() bool { return n.run != nil }

// URL is where the node answers, or answered before it was stopped, without a slash at the end. It may be asked for by any
// goroutine.
func (n *Node) URL() string { return *n.url.Load() }

// Stop ends the node as SIGTERM does, and waits.
func (n *Node) Stop() {
	n.t.Helper()
	n.run.Interrupt()
	n.await()
}

// Leave ends the node as Stop does, but may fail to say goodbye.
func (n *Node) Leave() {
	n.t.Helper()
	n.run.Interrupt()
	<-n.run.Done()
	n.stopped()
}

// Kill ends the node as kill -9 does, and waits. Only processes can be killed.
func (n *Node) Kill() {
	n.t.Helper()
	if !n.form.CanKill() {
		n.t.Fatalf("kill %s: it is no process of its own", n.Name)
	}
	n.run.Kill()
	<-n.run.Done() // its error is the signal
	n.stopped()
}

// Fail ends the node as abruptly as its form can: by Kill, or else by Stop.
func (n *Node) Fail() {
	n.t.Helper()
	if n.form.CanKill() {
		n.Kill()
	} else {
		n.Stop()
	}
}

func (n *Node) await() {
	n.t.Helper()
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-n.run.Done():
		if err := n.run.Err(); err != nil {
			n.t.Errorf("%s ended with: %v", n.Name, err)
		}
	case <-limit.C:
		n.run.Kill()
		n.t.Errorf("%s did not stop within %v", n.Name, stopLimit)
	}
	n.stopped()
}

func (n *Node) stopped() {
	n.run = nil
	if app := n.API(); app != nil {
		app.CloseIdleConnections()
	}
}

// end stops the node if it runs, and shows its log if the test failed.
func (n *Node) end() {
	if n.Runs() {
		n.Stop()
	}
	if n.t.Failed() {
		n.t.Logf("log of %s:\n%s", n.Name, n.log)
	}
}

// Ready says whether the node answers that it is ready, and all that it needs is there.
func (n *Node) Ready() bool {
	status, body := n.Health()
	return status == http.StatusOK && strings.Contains(body, `"status":"ok"`)
}

// Health is what the node says of itself; status 0 means that it does not answer.
func (n *Node) Health() (status int, body string) { return n.get("/readyz") }

// AwaitReady waits until the node is ready.
func (n *Node) AwaitReady() {
	n.t.Helper()
	Eventually(n.t, n.Name+" is ready", n.Ready)
}

// leads says whether the node is the presence replica that leads.
func (n *Node) leads() bool {
	return n.Metric("channelstream_presence_leader") == 1
}

// Metric gives the value of a metric, or the sum of all that have the name and differ in their labels; 0 if there is none.
// The name may have labels itself, written as the node writes them.
func (n *Node) Metric(name string) (sum float64) {
	_, metrics := n.get("/metrics")
	for line := range strings.Lines(metrics) {
		series, text, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && (series == name || strings.HasPrefix(series, name+"{")) {
			value, _ := strconv.ParseFloat(text, 64) // Prometheus wrote it
			sum += value
		}
	}
	return sum
}

// Log is what the node has logged.
func (n *Node) Log() string { return n.log.String() }

// PID is the process of a node that is one of its own.
func (n *Node) PID() int {
	n.t.Helper()
	return n.child().cmd.Process.Pid
}

// BreakLog closes the pipe that a node logs to, which is a process of its own.
func (n *Node) BreakLog() {
	n.t.Helper()
	if err := n.child().log.Close(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) child() *child {
	n.t.Helper()
	p, ok := n.run.(*child)
	if !ok {
		n.t.Fatalf("%s is no process of its own", n.Name)
	}
	return p
}

// get asks the node for a path of operators; status 0 means that it does not answer.
func (n *Node) get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	at := n.URL()
	if n.host != "" {
		at = fmt.Sprintf("http://%s:%d", n.host, operatorPort)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at+path, nil)
	if err != nil {
		return 0, ""
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(text)
}

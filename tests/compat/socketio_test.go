// Package compat drives Channelstream with the clients that people really use: the stock Socket.IO client from npm
// under Node, and plain WebSockets.
package compat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runLimit bounds one run of all cases; each of them gives up earlier.
const runLimit = 2 * time.Minute

// leastCases guards against a script that ends early and passes for having failed nothing.
const leastCases = 30

func TestTheStockSocketIOClient(t *testing.T) {
	t.Parallel()
	for name, transports := range map[string]string{
		"polling only":               "polling",
		"websocket only":             "websocket",
		"default, polling then both": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system := harness.AllInOne(t)
			runCases(t, system, "./cases/index.js", leastCases, "COMPAT_TRANSPORTS="+transports)
		})
	}
}

// Each request goes to the next of three gateways, over a connection of its own.
func TestTheStockSocketIOClientNeedsNoStickySessions(t *testing.T) {
	t.Parallel()
	for name, transports := range map[string]string{"polling only": "polling", "default, polling then both": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := harness.Start(t, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: 3},
				harness.Setting("HEARTBEAT_INTERVAL", "1s"), harness.Setting("HEARTBEAT_TIMEOUT", "20s"))
			runCases(t, harness.RoundRobin(t, c), "./cases/index.js", leastCases, "COMPAT_TRANSPORTS="+transports)
		})
	}
}

func TestTheStockSocketIOClientSeesAFailedHandshakeInClear(t *testing.T) {
	t.Parallel()
	runCases(t, harness.AllInOne(t, "CHANNELSTREAM_ENFORCE_HTTPS=true"), "./https.js", 3)
}

// outcome is a line that the script prints for each case.
type outcome struct {
	Case  string `json:"case"`
	Error string `json:"error"` // empty: it passed
}

// runCases runs the cases of a module under Node.
func runCases(t *testing.T, system *harness.System, module string, least int, environ ...string) {
	t.Helper()
	outcomes := runNode(t, module, append(environ, "CHANNELSTREAM_URL="+system.URL, "CHANNELSTREAM_SECRET="+system.Secret))
	if len(outcomes) < least {
		t.Errorf("%d cases were run, fewer than %d", len(outcomes), least)
	}
	for _, o := range outcomes {
		t.Run(o.Case, func(t *testing.T) {
			if o.Error != "" {
				t.Error(o.Error)
			}
		})
	}
}

func runNode(t *testing.T, module string, environ []string) []outcome {
	t.Helper()
	for _, client := range []string{"socket.io-client", "eventsource"} {
		if _, err := os.Stat("node_modules/" + client); errors.Is(err, os.ErrNotExist) {
			t.Fatalf(`the stock client %s is not installed: run "make deps" (or "npm ci" in tests/compat)`, client)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "run.js", module)
	node.Env = append(os.Environ(), environ...)
	node.Stderr = t.Output()
	out, err := node.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("Node.js is not installed: the compatibility tests need version 20 or newer")
	}
	outcomes := decode(t, out)
	if err != nil {
		t.Errorf("run.js: %v, after %d cases", err, len(outcomes))
	}
	return outcomes
}

func decode(t *testing.T, out []byte) []outcome {
	t.Helper()
	var outcomes []outcome
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Errorf("run.js printed %q: %v", lines.Text(), err)
			continue
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

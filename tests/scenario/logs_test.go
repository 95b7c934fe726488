package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// While NATS is away everything fails that is tried, over and over, and clients come all the time. A log that says so each
// time is one that nobody reads.
func TestTheAbsenceOfNATSIsAFewLinesInTheLogs(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const away, most = 5 * time.Second, 8
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1},
			harness.Setting("REQUEST_TIMEOUT", "1s"), harness.Setting("LEASE_TTL", "2s"))
		api, gateway, presence := c.APIs[0], c.Gateways[0], c.Presences[0]
		nodes := []*harness.Node{api, gateway, presence}
		_, drops := enter(t, api, gateway, "alice", "room")
		dialog := harness.OpenSocketIO(t, gateway, api.API(), "bob")
		waits := register(t, api, "carol", "room")
		before := map[*harness.Node]int{}
		for _, n := range nodes {
			before[n] = len(n.Log())
		}

		c.NATS.Stop()
		drops.Drop()
		for _, n := range nodes { // what is under way then ends otherwise
			harness.Eventually(t, n.Name+" knows that NATS is away", func() bool { return !n.Ready() })
		}
		for n, end := 0, time.Now().Add(away); time.Now().Before(end); n++ {
			insistInVain(t, c, dialog, waits, fmt.Sprint("user ", n))
			for _, node := range nodes {
				node.Ready()
			}
			<-time.After(50 * time.Millisecond)
		}
		c.NATS.Start()
		c.AwaitReady()
		harness.Open(t, gateway, waits)

		for _, node := range nodes {
			said := node.Log()[before[node]:]
			if lines := complaints(said); len(lines) >= most {
				t.Errorf("%s says %d times that something is wrong:\n%s", node.Name, len(lines), strings.Join(lines, ""))
			}
			for _, once := range []string{"lost the connection to NATS", "connected to NATS again"} {
				if n := strings.Count(said, once); n != 1 {
					t.Errorf("%s says %d times that it %s", node.Name, n, once)
				}
			}
		}
		for _, once := range []string{"presence does not do what it is asked", "presence does what it is asked again"} {
			if n := strings.Count(gateway.Log()[before[gateway]:], once); n != 1 {
				t.Errorf("the gateway says %d times: %s", n, once)
			}
		}
	}, processes)
}

// insistInVain tries what clients and apps try, in every way that asks for NATS.
func insistInVain(t *testing.T, c *harness.Cluster, dialog *harness.SocketIO, connID, user string) {
	t.Helper()
	api, gateway := c.APIs[0], c.Gateways[0]
	dialog.Join("room")
	socket, _ := harness.TryOpen(t, gateway, connID)
	session, _ := harness.TrySocketIOAt(t, gateway.URL(), user, api.API().UserSignature(user))
	_, posted := api.API().Publish(t.Context(), client.Message{User: user, Channel: "room", Message: "hello"})
	_, connected := api.API().Connect(t.Context(), client.Connect{User: user, Channels: []string{"room"}})
	if socket != nil || session != nil || posted == nil || connected == nil {
		t.Errorf("something went without NATS: %v, %v, %v, %v", socket, session, posted, connected)
	}
}

// complaints are the lines at WARN and above.
func complaints(log string) (lines []string) {
	for line := range strings.Lines(log) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) == nil && (entry.Level == "WARN" || entry.Level == "ERROR") {
			lines = append(lines, line)
		}
	}
	return lines
}

package flood

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv(attackerVariable) != "" {
		if err := obey(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if raceDetector {
		fmt.Println("floods measure latencies: `make flood` runs them, alone and without the race detector")
		return
	}
	dir, err := os.MkdirTemp("", "channelstream-flood-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	processes = harness.NewProcesses(dir)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// mallory is the user that attacks with credentials.
const mallory = "mallory"

// plain registers connections in channels and gives the paths at which their WebSockets open.
func (s *server) plain(many int, channels ...string) (paths []string) {
	s.t.Helper()
	for range many {
		c, err := s.app.Connect(s.t.Context(), client.Connect{User: mallory, Channels: channels})
		if err != nil {
			s.t.Fatal(err)
		}
		paths = append(paths, "/ws?conn_id="+c.ConnID)
	}
	return paths
}

// socketIOPath opens Socket.IO on a WebSocket, without credentials.
const socketIOPath = "/socket.io/?EIO=4&transport=websocket"

package scenario

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// What was acknowledged stays; what is not stored is said to be so; and nobody has to start the server again.
func TestADiskThatWasFullIsUsedAgainWhenItHasRoom(t *testing.T) {
	t.Parallel()
	n := processes.OnSmallDisk(t, 64, harness.Setting("REQUEST_TIMEOUT", "1s"))
	v := harness.NewViewer(t, register(t, n.Node, "viewer", "room"))
	v.Come(n.Node)
	n.Fill()
	text := strings.Repeat("x", 10_000)
	var last string
	harness.Eventually(t, "the answer says that the store is full", func() bool {
		for i := range 1000 {
			said := fmt.Sprint(i, text)
			_, err := n.API().Publish(t.Context(), client.Message{User: "app", Channel: "room", Message: said})
			if err == nil {
				last = said
				continue
			}
			var refusal *client.Error
			return errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable && strings.Contains(refusal.Error(), "store is full")
		}
		return false
	})
	if last != "" {
		v.Await("room", last, n.Node)
	}
	harness.Eventually(t, "readiness says so", func() bool {
		_, body := n.Health()
		return strings.Contains(body, `"nats":"failing"`)
	})
	n.Empty()
	harness.Eventually(t, "a message can be posted", func() bool {
		_, err := n.API().Publish(t.Context(), client.Message{User: "app", Channel: "room", Message: "again"})
		return err == nil
	})
	v.Await("room", "again", n.Node)
	if last != "" && !v.Sees("room", last) {
		t.Error("what was acknowledged before is lost")
	}
	if faults := v.Faults(); faults != "" {
		t.Error(faults)
	}
	n.AwaitReady()
}

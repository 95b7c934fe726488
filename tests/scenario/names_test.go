package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// oddNames are legal names that mean something to NATS, to HTTP, to JSON or to our own tokens.
func oddNames() []string {
	return []string{
		"news", "NEWS", "news.sport", "news.*", "news.>", "*", ">", "*.*", "two words", " ", ".", "..", "news.", "$SYS.>",
		"😀", "ÅÄÖ", "A\u030a", "=2A", "==", `quote " back \ slash /`, "a,b", "<b>&amp;", "%2A?x=1&y=2#z", "\u2028",
		strings.Repeat("é", 256), strings.Repeat("é", 255) + "e", // 512 bytes
	}
}

func TestOddNamesReachThemselvesAndNoOther(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		names := oddNames()
		sockets := make([]*harness.Socket, len(names))
		for i, name := range names {
			connID := "connection " + name[:min(len(name), 64)]
			if strings.HasPrefix(name, "é") {
				connID = fmt.Sprint("connection ", i)
			}
			connected, err := c.APIs[i%2].API().Connect(t.Context(), client.Connect{
				User: name, ConnID: connID, Channels: []string{name},
			})
			if err != nil {
				t.Fatalf("connect %q: %v", name, err)
			}
			if connected.ConnID != connID || connected.User != name || !slices.Equal(connected.Channels, []string{name}) {
				t.Errorf("connect %q: got %+v", name, connected)
			}
			sockets[i] = harness.Open(t, c.Gateways[i%2], connID)
		}
		for i, name := range names {
			post(t, c.APIs[i%2], name, fmt.Sprint("channel ", i))
			whisper(t, c.APIs[i%2], fmt.Sprint("user ", i), name)
			publish(t, c.APIs[i%2], client.Message{
				User: name, Channel: name, PMUsers: names[i : i+1], Message: fmt.Sprint("member ", i),
			})
		}
		whisper(t, c.APIs[0], "end", names...)
		for i := range names {
			hears(t, sockets[i], fmt.Sprint("channel ", i), fmt.Sprint("user ", i), fmt.Sprint("member ", i), "end")
		}
		harness.Eventually(t, "one api knows all", func() bool { return info(t, c.APIs[0]).TotalConnections == len(names) })
		all := info(t, c.APIs[0])
		for _, name := range names {
			if got := all.Channels[name]; got.TotalConnections != 1 || !slices.Equal(got.Users, []string{name}) {
				t.Errorf("channel %q: got %+v", name, got)
			}
		}
		if len(all.Channels) != len(names) || all.UniqueUsers != len(names) {
			t.Errorf("got %d channels and %d users, want %d of each", len(all.Channels), all.UniqueUsers, len(names))
		}
	})
}

package scenario

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// forgetful is a client that hands back no offset. Its network fails, and comes back.
type forgetful interface {
	Texts() []string
	Deafen() // nothing reaches it from now on
	Reset()
}

var forgetfulClients = map[string]func(*testing.T, *harness.Node, string) forgetful{
	"plain": func(t *testing.T, at *harness.Node, connID string) forgetful {
		t.Helper()
		return harness.Open(t, at, connID)
	},
	"polling": func(t *testing.T, at *harness.Node, connID string) forgetful {
		t.Helper()
		return harness.OpenPoller(t, at, connID)
	},
}

// guest is one of them, and what became of it.
type guest struct {
	name   string
	connID string
	open   func(t *testing.T, at *harness.Node, connID string) forgetful
	away   time.Duration
	silent bool // nobody is told that its first connection ended
	before forgetful
	had    []string // when its network failed
	after  forgetful
}

// A message comes every 20 ms. The network of each client fails: for a moment, for longer than a heartbeat and its timeout, and
// for so long that apps do not know the connection any more. Then the client opens its connection again, at another gateway.
func TestAClientWithoutOffsetsGetsAllAndAgainOnlyWhatWasUnderWay(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs, harness.Setting("HEARTBEAT_INTERVAL", "1s"), harness.Setting("HEARTBEAT_TIMEOUT", "1s"),
			harness.Setting("LINGER", "1s"), harness.Setting("LEASE_TTL", "3s"))
		const messages = 300
		var guests []*guest
		absences := []time.Duration{100 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second}
		for _, away := range absences {
			for kind, open := range forgetfulClients {
				for _, silent := range []bool{true, false} {
					v := &guest{name: fmt.Sprintf("%s, away for %v, silently: %t", kind, away, silent), open: open, away: away, silent: silent}
					v.connID = register(t, c.APIs[0], v.name, "room")
					v.before = open(t, c.Gateways[0], v.connID)
					guests = append(guests, v)
				}
			}
		}
		var posting sync.WaitGroup
		posting.Go(func() { postPaced(t, c, messages) })
		defer posting.Wait()
		for _, v := range guests {
			harness.Eventually(t, v.name+" has some messages", func() bool { return len(v.before.Texts()) > 20 })
			v.had = v.before.Texts()
			v.before.Deafen()
		}
		failed := time.Now()
		for _, away := range absences {
			<-time.After(time.Until(failed.Add(away)))
			for _, v := range guests {
				if v.away == away {
					v.comesBack(t, c.Gateways[1])
				}
			}
		}
		for _, v := range guests {
			v.hasAll(t, messages)
		}
	})
}

func (v *guest) comesBack(t *testing.T, at *harness.Node) {
	t.Helper()
	if !v.silent {
		v.before.Reset()
	}
	v.after = v.open(t, at, v.connID)
}

// hasAll checks that it has got every message, and none of those again that it had when its network failed.
func (v *guest) hasAll(t *testing.T, messages int) {
	t.Helper()
	harness.Eventually(t, v.name+" has the last message", func() bool { return slices.Contains(v.after.Texts(), fmt.Sprint(messages-1)) })
	got := v.after.Texts()
	for _, text := range v.had {
		if slices.Contains(got, text) {
			t.Errorf("%s: %s was acknowledged, and came again", v.name, text)
		}
	}
	all := slices.Concat(v.before.Texts(), got)
	for n := range messages {
		if !slices.Contains(all, fmt.Sprint(n)) {
			t.Errorf("%s: %d did not come", v.name, n)
		}
	}
	if again := len(all) - messages; again > 3 { // those that came between the look at what it had and the failure
		t.Errorf("%s: %d messages came again", v.name, again)
	}
}

// postPaced posts messages that say their numbers.
func postPaced(t *testing.T, c *harness.Cluster, messages int) {
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := range messages {
		message := client.Message{User: "app", Channel: "room", Message: fmt.Sprint(n)}
		if _, err := c.APIs[n%2].API().Publish(t.Context(), message); err != nil {
			t.Errorf("post %d: %v", n, err)
		}
		<-pace.C
	}
}

package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

const (
	crashMessages = 20_000
	crashViewers  = 50
	crashChannels = 4
	crashList     = 25 // messages in one request
	crashes       = 8
)

// Gateways, apis and presences are killed at random moments while twenty thousand messages are posted to fifty clients that
// go on where they stopped. What was acknowledged reaches all of them, in order, and nothing twice.
func TestWhatIsAcknowledgedReachesAllThroughCrashes(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		channels := make([]string, crashChannels)
		for i := range channels {
			channels[i] = fmt.Sprint("crash ", i)
		}
		crowd := gather(t, c, crashViewers, channels)
		posting := postAll(t, c, channels)
		crash(t, c, posting.done)
		posting.wait()
		crowd.await(channels, "the end")
		crowd.leave()
		for _, v := range crowd.viewers {
			if faults := v.Faults(); faults != "" {
				t.Errorf("a client: %s", faults)
			}
			for i, channel := range channels {
				if got := v.View(channel); !slices.Equal(got, posting.texts[i]) {
					t.Fatalf("a client got %d messages of %s, %d were acknowledged; the first that differs is %s",
						len(got), channel, len(posting.texts[i]), difference(got, posting.texts[i]))
				}
			}
		}
	}, processes)
}

func difference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%q in place of %q", got[i], want[i])
		}
	}
	return "behind the shorter one"
}

// crash kills one process after the other, and starts it again, until all that is to be posted is.
func crash(t *testing.T, c *harness.Cluster, done <-chan struct{}) {
	t.Helper()
	nodes := slices.Concat(c.Gateways, c.APIs, c.Presences)
	for n := range crashes {
		select {
		case <-done:
			t.Errorf("all was posted after %d crashes", n)
			return
		case <-time.After(time.Duration(200+rand.IntN(800)) * time.Millisecond): //nolint:gosec // no secret
		}
		node := nodes[n%len(nodes)]
		node.Kill()
		node.Start()
	}
}

// crowd is clients that come back whenever they are sent away, each cared for by a goroutine of its own.
type crowd struct {
	t       *testing.T
	cluster *harness.Cluster
	viewers []*harness.Viewer
	stop    context.CancelFunc
	keepers sync.WaitGroup
}

// gather brings clients into channels; all are there when it returns.
func gather(t *testing.T, c *harness.Cluster, many int, channels []string) *crowd {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	g := &crowd{t: t, cluster: c, stop: cancel}
	for i := range many {
		v := harness.NewViewer(t, register(t, c.APIs[i%2], fmt.Sprint("viewer ", i), channels...))
		if !v.Come(c.Gateways[i%2]) {
			t.Fatal("a client could not connect")
		}
		g.viewers = append(g.viewers, v)
		g.keepers.Go(func() { g.keep(ctx, v, i) })
	}
	t.Cleanup(g.leave)
	return g
}

// keep brings a client back until the crowd leaves.
func (g *crowd) keep(ctx context.Context, v *harness.Viewer, at int) {
	for {
		select {
		case <-ctx.Done():
			v.Drop()
			return
		case <-time.After(10 * time.Millisecond):
		}
		if !v.Here() {
			at++
			v.Come(g.cluster.Gateways[at%len(g.cluster.Gateways)])
		}
	}
}

// await waits until everybody has seen a message in every channel.
func (g *crowd) await(channels []string, text string) {
	g.t.Helper()
	for i, v := range g.viewers {
		for _, channel := range channels {
			harness.Within(g.t, 2*harness.Patience, fmt.Sprintf("client %d sees %q in %s", i, text, channel), func() bool {
				return v.Sees(channel, text)
			})
		}
	}
}

// leave ends the crowd.
func (g *crowd) leave() {
	g.stop()
	g.keepers.Wait()
}

// posting is an app that posts lists to several channels at once.
type posting struct {
	texts [][]string // of each channel, all that was acknowledged; may be read after done is closed
	done  chan struct{}
}

func (p *posting) wait() { <-p.done }

// postAll posts all messages, each list again until it is acknowledged.
func postAll(t *testing.T, c *harness.Cluster, channels []string) *posting {
	t.Helper()
	p := &posting{texts: make([][]string, len(channels)), done: make(chan struct{})}
	var apps sync.WaitGroup
	for i, channel := range channels {
		apps.Go(func() {
			pace := time.NewTicker(40 * time.Millisecond)
			defer pace.Stop()
			for n := 0; n < crashMessages/len(channels); n += crashList {
				var list []client.Message
				for at := n; at < n+crashList; at++ {
					list = append(list, client.Message{
						UUID: fmt.Sprintf("0000000%d-0000-4000-8000-%012d", i, at), User: "app", Channel: channel, Message: fmt.Sprint("message ", at),
					})
				}
				p.texts[i] = append(p.texts[i], insist(t, c, list)...)
				<-pace.C
			}
			p.texts[i] = append(p.texts[i], insist(t, c, []client.Message{{User: "app", Channel: channel, Message: "the end",
				UUID: fmt.Sprintf("0000000%d-0000-4000-8000-ffffffffffff", i)}})...)
		})
	}
	go func() {
		apps.Wait()
		close(p.done)
	}()
	t.Cleanup(p.wait)
	return p
}

// insist posts a list to one api after the other until it is acknowledged, and gives what the messages say.
func insist(t *testing.T, c *harness.Cluster, list []client.Message) []string {
	for turn := 0; t.Context().Err() == nil; turn++ {
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		_, err := c.APIs[turn%len(c.APIs)].API().Publish(ctx, list...)
		cancel()
		if err == nil {
			var texts []string
			for _, m := range list {
				texts = append(texts, fmt.Sprint(m.Message))
			}
			return texts
		}
		<-time.After(5 * time.Millisecond)
	}
	return nil
}

package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// crowd is many clients of all kinds, each in one of a few channels, to which numbers are posted: 1, 2, 3 and so on.
type crowd struct {
	t     testing.TB
	began time.Time

	members []*listener
}

// listener is a client of a crowd.
type listener struct {
	// set at construction
	kind    kind
	channel string
	connID  string
	began   time.Time

	mu       sync.Mutex
	here     bool            // guarded by mu
	left     time.Time       // when it lost its connection last; guarded by mu
	drops    int             // guarded by mu
	longest  time.Duration   // for which it was away; guarded by mu
	heard    int             // the last number; guarded by mu
	twice    int             // messages that came again; guarded by mu
	seen     map[string]bool // uuids; guarded by mu
	faults   []string        // what must not happen and did; guarded by mu
	happened []string        // all but messages; guarded by mu
}

// gather opens so many clients of each kind, and returns when all are connected.
func gather(t *testing.T, app *client.Client, all []kind, each int, channels []string, url string) *crowd {
	t.Helper()
	c := &crowd{t: t, began: time.Now()}
	for range each {
		for _, k := range all {
			number := len(c.members)
			channel := channels[number%len(channels)]
			connection, err := app.Connect(t.Context(), client.Connect{User: fmt.Sprint("user-", number), Channels: []string{channel}})
			if err != nil {
				t.Fatal(err)
			}
			k.open.Client, k.open.Do, k.open.URL = number, "open", url
			k.open.Query = map[string]string{"conn_id": connection.ConnID}
			c.members = append(c.members, &listener{
				kind: k, channel: channel, connID: connection.ConnID, began: c.began, seen: map[string]bool{},
			})
		}
	}
	drivers := map[string]*program{}
	for _, l := range c.members {
		if drivers[l.kind.driver] == nil {
			drivers[l.kind.driver] = startProgram(t, c.tell, "node", "node.js", l.kind.driver)
		}
		if err := drivers[l.kind.driver].do(l.kind.open); err != nil {
			t.Fatal(err)
		}
	}
	c.await("is connected", func(l *listener) bool { return l.here })
	return c
}

// tell takes what a driver tells of a client.
func (c *crowd) tell(e event) { c.members[e.Client].tell(e) }

func (l *listener) tell(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Event == "message" {
		l.hear(e)
		return
	}
	l.happened = append(l.happened, fmt.Sprintf("%.2f s %s at %d", time.Since(l.began).Seconds(), e, l.heard))
	switch e.Event {
	case "connect":
		if l.drops > 0 && !l.here {
			l.longest = max(l.longest, time.Since(l.left))
		}
		l.here = true
	case "drop", "over": // whoever is over, and not only says so of an attempt, does not come back
		if l.here {
			l.drops, l.left = l.drops+1, time.Now()
		}
		l.here = false
	case "missed", "failed":
		l.faults = append(l.faults, e.String())
	}
}

// hear takes a list; mu is held. Whoever hands back offsets gets each message once, and all others may get some again.
func (l *listener) hear(e event) {
	objects, err := lists([]event{e})
	if err != nil {
		l.faults = append(l.faults, err.Error())
	}
	for _, o := range objects {
		var text string
		json.Unmarshal(o.Message, &text) //nolint:errcheck // it is no number then
		number, _ := strconv.Atoi(text)  // 0 is none
		again := l.seen[o.UUID]
		l.seen[o.UUID] = true
		switch {
		case again && !l.kind.offset:
			l.twice++
		case again || o.Channel != l.channel || number != l.heard+1:
			l.faults = append(l.faults, fmt.Sprintf("%q of %s in %q came behind %d, again: %v", text, o.UUID, o.Channel, l.heard, again))
			l.heard = max(l.heard, number)
		default:
			l.heard = number
		}
	}
}

// story tells of a client that something is wrong with.
func (l *listener) story() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%s by %s, %s in %s, here: %v, heard %d:\n  %s\n  %s", l.kind.client, l.kind.transport, l.connID, l.channel, l.here, l.heard,
		strings.Join(l.faults[:min(len(l.faults), 5)], "\n  "), strings.Join(l.happened[max(0, len(l.happened)-20):], "\n  "))
}

// await waits until something holds for every client, which is asked under its lock, and gives how long that took.
func (c *crowd) await(what string, holds func(*listener) bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for {
		late := c.those(func(l *listener) bool { return !holds(l) })
		switch {
		case len(late) == 0:
			return time.Since(began)
		case time.Since(began) > harness.Patience:
			c.t.Fatalf("after %v not every client %s: %s", harness.Patience, what, c.some(late))
		}
		<-time.After(20 * time.Millisecond)
	}
}

// those are the clients for which something holds.
func (c *crowd) those(are func(*listener) bool) []*listener {
	return slices.DeleteFunc(slices.Clone(c.members), func(l *listener) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !are(l)
	})
}

// some tells how many some of the clients are, and the stories of a few.
func (c *crowd) some(of []*listener) string {
	told := fmt.Sprintf("%d of %d", len(of), len(c.members))
	for _, l := range of[:min(len(of), 20)] {
		told += "\n" + l.story()
	}
	return told
}

// report has the log tell how each kind of client fared.
func (c *crowd) report() {
	type sum struct {
		clients, drops, twice int
		longest               time.Duration
	}
	var names []string
	sums := map[string]*sum{}
	for _, l := range c.members {
		name := l.kind.client + " by " + l.kind.transport
		if sums[name] == nil {
			sums[name] = new(sum)
			names = append(names, name)
		}
		s := sums[name]
		l.mu.Lock()
		s.clients, s.drops, s.twice, s.longest = s.clients+1, s.drops+l.drops, s.twice+l.twice, max(s.longest, l.longest)
		l.mu.Unlock()
	}
	var lines strings.Builder
	for _, name := range names {
		s := sums[name]
		fmt.Fprintf(&lines, "\n%-55s %3d clients, %3d drops, away for %5.2f s at most, %d messages came again", name, s.clients, s.drops, s.longest.Seconds(), s.twice)
	}
	c.t.Log(lines.String())
}

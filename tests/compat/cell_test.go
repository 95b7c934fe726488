package compat

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/netfault"
)

// cell is one case, played by one client on one road. It has a user, a channel and a way through the network of its own.
type cell struct {
	*stage
	kind kind
	road road
	play testCase

	t       testing.TB // the end of which ends the road
	id      int64
	user    string
	channel string
	way     *netfault.Road
	number  int // of the client
	told    *recorder
	connID  string
	outage  *outage // of the cases that are played in one

	played bool
	err    error // why it failed
}

func (c *cell) String() string {
	return strings.Join([]string{c.kind.client, c.kind.transport, c.road.name, c.play.name}, "/")
}

// run plays the cell, in a goroutine of its own, which fatalf ends.
func (c *cell) run() {
	c.id = c.cells.Add(1)
	c.user, c.channel = fmt.Sprint("user-", c.id), fmt.Sprint("channel-", c.id)
	c.way = netfault.NewRoad(c.t, c.road.to(c.stage, c.id))
	c.number, c.told = c.clients.add()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer c.end()
		c.play.play(c)
	}()
	<-ended
}

// end closes the client and its road.
func (c *cell) end() {
	if c.err != nil {
		c.err = fmt.Errorf("%w\n%s", c.err, c.told.story(c.began))
	}
	if c.kind.open.URL != "" {
		c.do("close")
	}
	c.way.Refuse()
}

// fatalf ends the cell as one that failed.
func (c *cell) fatalf(format string, args ...any) {
	c.err = fmt.Errorf("at %.2f s: "+format, append([]any{time.Since(c.began).Seconds()}, args...)...)
	runtime.Goexit()
}

func (c *cell) must(what string, err error) {
	if err != nil {
		c.fatalf("%s: %v", what, err)
	}
}

// rest lets time go by.
func (c *cell) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.t.Context().Done():
		c.fatalf("the test has ended")
	}
}

// do asks the driver for something that concerns the client.
func (c *cell) do(what string, args ...any) {
	r := request{Do: what}
	if what == "open" {
		r = c.kind.open
		r.Do = what
	}
	r.Client, r.Args = c.number, args
	if err := c.drivers[c.kind.driver].do(r); err != nil && c.err == nil {
		c.err = err
	}
}

// open opens the client with credentials.
func (c *cell) open(query map[string]string) {
	c.kind.open.URL, c.kind.open.Query = "http://"+c.way.Addr(), query
	c.do("open")
}

// signed are the credentials of a user who signs in by name.
func (c *cell) signed(user string) map[string]string {
	return map[string]string{"username": user, "sig": c.app.UserSignature(user)}
}

// enter has the app register a connection in the cell's channel, and opens it.
func (c *cell) enter() {
	c.register(client.Connect{Channels: []string{c.channel}})
	c.open(map[string]string{"conn_id": c.connID})
	c.connected(1)
}

func (c *cell) register(connect client.Connect) {
	connect.User = c.user
	connection, err := c.app.Connect(c.t.Context(), connect)
	c.must("connect", err)
	c.connID = connection.ConnID
}

// patience is how long something is waited for: longer than it takes until kernels try again after 20 s of silence.
const cellPatience = 40 * time.Second

// until waits for what is told of the client.
func (c *cell) until(what string, is func(events []event) bool) []event {
	late := time.NewTimer(cellPatience)
	defer late.Stop()
	for {
		events, changed := c.told.now()
		if is(events) {
			return events
		}
		if failed := all(events, "failed"); len(failed) > 0 {
			c.fatalf("the client failed: %s", failed[0])
		}
		select {
		case <-changed:
		case <-late.C:
			c.fatalf("waited %v in vain until %s", cellPatience, what)
		}
	}
}

// event waits for the nth event of a name.
func (c *cell) event(name string, nth int) event {
	what := fmt.Sprintf("%s comes for the %d. time", name, nth)
	return all(c.until(what, func(events []event) bool { return len(all(events, name)) >= nth }), name)[nth-1]
}

func (c *cell) connected(nth int) { c.event("connect", nth) }

// over waits until the client has been told that it has to stay away, and gives why.
func (c *cell) over() (why string) {
	over := c.event("over", 1)
	if over.word() == "" {
		return fmt.Sprint(over)
	}
	return over.word()
}

// staysAway checks that the client does not come back.
func (c *cell) staysAway() {
	before, _ := c.told.now()
	c.rest(time.Second)
	after, _ := c.told.now()
	if len(after) != len(before) {
		c.fatalf("it should stay away and has told %v", after[len(before):])
	}
}

// objects are what has come in lists.
func (c *cell) objects() []object {
	events, _ := c.told.now()
	objects, err := lists(events)
	c.must("read what came", err)
	return objects
}

// texts are what the messages say that came. To a client that hands back no offset one may come twice, with the same uuid.
func (c *cell) texts() (texts []string) {
	seen := map[string]bool{}
	for _, o := range c.objects() {
		if o.Type != "message" {
			c.fatalf("%s came where a message should", o.Type)
		}
		if seen[o.UUID] && !c.kind.offset {
			continue
		}
		seen[o.UUID] = true
		var text string
		c.must("read a message", json.Unmarshal(o.Message, &text))
		texts = append(texts, text)
	}
	return texts
}

// hear waits for a message.
func (c *cell) hear(text string) {
	c.until(fmt.Sprintf("%q comes", text), func([]event) bool { return c.heard(text) })
}

func (c *cell) heard(text string) bool { return slices.Contains(c.texts(), text) }

// wants waits for the last of some messages and checks that all came, in this order; or, in a cell that may lose what is on its
// way, that nothing else came.
func (c *cell) wants(texts ...string) {
	c.hear(texts[len(texts)-1])
	got := c.texts()
	if !slices.Equal(got, texts) && !(losesWhatIsOnItsWay(c) && subsequence(got, texts)) {
		c.fatalf("it got %q, and should get %q", got, texts)
	}
}

// subsequence says whether all of some are in others, in the same order.
func subsequence(some, others []string) bool {
	for _, other := range others {
		if len(some) > 0 && some[0] == other {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// post posts to the cell's channel.
func (c *cell) post(text string) { c.publish(client.Message{Channel: c.channel, Message: text}) }

func (c *cell) publish(m client.Message) {
	m.User = "app"
	_, err := c.app.Publish(c.t.Context(), m)
	c.must(fmt.Sprintf("post %q", m.Message), err)
}

// names reads an argument that is a list of strings.
func (c *cell) names(e event) (names []string) {
	if len(e.Args) == 0 || json.Unmarshal(e.Args[0], &names) != nil {
		c.fatalf("%s has no list of names", e)
	}
	return names
}

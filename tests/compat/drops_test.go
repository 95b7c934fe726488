package compat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/netfault"
)

// drop has the network fail for some time, in which messages are posted: as soon as it is silent, but not while the gateway has
// yet to read that it was reset.
func drop(fail func(*netfault.Road), away, notice time.Duration) func(*cell) {
	return func(c *cell) {
		c.enter()
		c.post("before")
		c.hear("before")
		fail(c.way)
		c.rest(notice)
		texts := []string{"before"}
		for i := range 5 {
			texts = append(texts, fmt.Sprint("away ", i))
			c.post(texts[len(texts)-1])
		}
		c.rest(away - notice)
		c.way.Unblock()
		c.post("back")
		c.wants(append(texts, "back")...)
		c.post("after")
		c.wants(append(texts, "back", "after")...)
	}
}

func threeDrops(c *cell) {
	c.enter()
	c.post("before")
	c.hear("before")
	texts := []string{"before"}
	for i := range 3 {
		before, _ := c.told.now()
		c.way.Refuse()
		c.rest(250 * time.Millisecond)
		texts = append(texts, fmt.Sprint("away ", i), fmt.Sprint("back ", i))
		c.post(texts[len(texts)-2])
		c.way.Unblock()
		c.connected(len(all(before, "connect")) + 1)
		c.post(texts[len(texts)-1])
		c.wants(texts...)
	}
}

// reload is what a browser does with a page; where there is none, another client is opened with the same conn_id.
func reload(c *cell) {
	away, back := "close", "open"
	if c.kind.page {
		c.kind.open.Own, away, back = true, "leave", "return"
	}
	c.enter()
	c.post("before")
	c.hear("before")
	before, _ := c.told.now()
	if !c.kind.page {
		c.way.Refuse() // or else the client says that it goes, which a page that is reloaded does not
	}
	c.do(away)
	if c.kind.page {
		c.event("left", 1)
	}
	// What a poll had fetched last is not known to have come, and nobody says so after a reload.
	c.kind.offset = c.kind.offset && !strings.Contains(c.kind.transport, "polling")
	c.rest(500 * time.Millisecond)
	c.post("meanwhile")
	c.way.Unblock()
	c.do(back)
	c.connected(len(all(before, "connect")) + 1)
	c.post("after")
	c.wants("before", "meanwhile", "after")
}

// outage is one of presence or NATS that many cells are played in at once.
type outage struct {
	begun chan struct{} // closed when it has begun
	over  chan struct{} // closed when all is well again
	ready func()        // says that one more is ready for it
}

// outageLength is how long it lasts.
const outageLength = 12 * time.Second

// During an outage each client loses its connection, and tries again and again.
func throughAnOutage(c *cell) {
	func() {
		defer c.outage.ready()
		c.enter()
		c.post("before")
		c.hear("before")
	}()
	<-c.outage.begun
	c.way.Refuse()
	c.rest(100 * time.Millisecond)
	c.way.Unblock()
	<-c.outage.over
	c.postUntilHeard("back")
	c.post("after")
	c.hear("after")
	if got, want := slices.Compact(c.texts()), []string{"before", "back", "after"}; !slices.Equal(got, want) {
		c.fatalf("it got %q, and should get %q", got, want)
	}
}

// postUntilHeard posts to a client that hands back no offset again and again: what is sent to an attempt to come back that the client
// has given up by then is lost. To another one it posts once.
func (c *cell) postUntilHeard(text string) {
	c.post(text)
	if !c.kind.offset {
		for range 10 {
			if c.rest(2 * time.Second); c.heard(text) {
				break
			}
			c.post(text)
		}
	}
	c.hear(text)
}

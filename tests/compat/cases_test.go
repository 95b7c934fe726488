package compat

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/channelstream/channelstream/client"
)

// The seed's page joins two channels of which its user may join one, and hears who comes.
func thePageOfTheSeed(c *cell) {
	allowed := "pub_chan" + c.user
	_, err := c.app.Connect(c.t.Context(), client.Connect{
		User: c.user, Channels: []string{allowed}, ChannelConfigs: map[string]client.ChannelConfig{allowed: {NotifyPresence: true}},
	})
	c.must("connect", err)
	c.kind.open.Family = "seedPage"
	c.open(c.signed(c.user))
	c.connected(1)
	if joined := c.names(c.event("join", 1)); !slices.Equal(joined, []string{allowed}) {
		c.fatalf("it joined %q", joined)
	}
	c.publish(client.Message{Channel: allowed, Message: "hello"})
	c.wants("hello")
	_, err = c.app.Connect(c.t.Context(), client.Connect{User: c.user + "-bob", Channels: []string{allowed}})
	c.must("connect", err)
	var who struct {
		User   string `json:"user"`
		Status int    `json:"status"`
	}
	if came := c.event("user_connect", 1); json.Unmarshal(came.Args[0], &who) != nil || who.User != c.user+"-bob" || who.Status != 1 {
		c.fatalf("it was told %s", came)
	}
}

// A client that speaks joins what its user may; the app puts the others there.
func join(c *cell) {
	if !c.kind.speaks {
		c.register(client.Connect{})
		c.open(map[string]string{"conn_id": c.connID})
		c.connected(1)
		_, err := c.app.Subscribe(c.t.Context(), client.Subscribe{ConnID: c.connID, Channels: []string{c.channel}})
		c.must("subscribe", err)
	} else {
		if joined := c.signIn(); !slices.Equal(joined, []string{c.channel}) {
			c.fatalf("it joined %q", joined)
		}
	}
	c.publish(client.Message{Channel: "forbidden-" + c.channel, Message: "not here"})
	c.post("here")
	c.wants("here")
}

// signIn opens the client by name and has it join its channel, and another that its user may not join.
func (c *cell) signIn() (joined []string) {
	_, err := c.app.Subscribe(c.t.Context(), client.Subscribe{User: c.user, Channels: []string{c.channel, "other-" + c.channel}})
	c.must("subscribe", err)
	c.open(c.signed(c.user))
	c.connected(1)
	return c.ask("join", c.channel, "forbidden-"+c.channel)
}

// ask has the client join or leave channels, again if it loses its connection meanwhile, and gives those of the answer.
func (c *cell) ask(what string, channels ...string) []string {
	before, _ := c.told.now()
	for answered := false; !answered; {
		c.do("emit", what, channels)
		connects := len(all(before, "connect"))
		now := c.until("the answer to "+what, func(events []event) bool {
			answered = len(all(events, what)) > len(all(before, what))
			return answered || len(all(events, "connect")) > connects
		})
		if answered {
			return c.names(all(now, what)[len(all(before, what))])
		}
		before = now
	}
	return nil
}

func leave(c *cell) {
	other := "other-" + c.channel
	if !c.kind.speaks {
		c.register(client.Connect{Channels: []string{c.channel, other}})
		c.open(map[string]string{"conn_id": c.connID})
		c.connected(1)
		c.post("before")
		c.hear("before")
		_, err := c.app.Unsubscribe(c.t.Context(), client.Unsubscribe{ConnID: c.connID, Channels: []string{c.channel}})
		c.must("unsubscribe", err)
	} else {
		c.signIn()
		c.ask("join", other)
		c.post("before")
		c.hear("before")
		if left := c.ask("leave", c.channel); !slices.Equal(left, []string{c.channel}) {
			c.fatalf("it left %q", left)
		}
	}
	c.post("after it left")
	c.publish(client.Message{Channel: other, Message: "elsewhere"})
	c.wants("before", "elsewhere")
}

func public(c *cell) {
	c.enter()
	c.publish(client.Message{Channel: "other-" + c.channel, Message: "not here"})
	c.post("one")
	c.publish(client.Message{Channel: c.channel, ExcludeUsers: []string{c.user}, Message: "not for you"})
	c.post("two")
	c.wants("one", "two")
}

func private(c *cell) {
	c.enter()
	c.publish(client.Message{PMUsers: []string{"somebody else"}, Message: "not for you"})
	c.publish(client.Message{PMUsers: []string{c.user}, Message: "for you"})
	c.wants("for you")
	if o := c.objects()[0]; o.Channel != "" {
		c.fatalf("a private message came from the channel %q", o.Channel)
	}
}

func privateInChannel(c *cell) {
	c.enter()
	c.publish(client.Message{Channel: c.channel, PMUsers: []string{"somebody else"}, Message: "not for you"})
	c.publish(client.Message{Channel: "other-" + c.channel, PMUsers: []string{c.user}, Message: "not here"})
	c.publish(client.Message{Channel: c.channel, PMUsers: []string{c.user}, Message: "for you, here"})
	c.post("for all")
	c.wants("for you, here", "for all")
}

// Somebody comes, is away, and goes.
func presence(c *cell) {
	c.register(client.Connect{
		Channels:       []string{c.channel},
		ChannelConfigs: map[string]client.ChannelConfig{c.channel: {NotifyPresence: true, NotifyState: true}},
	})
	c.open(map[string]string{"conn_id": c.connID})
	c.connected(1)
	bob := c.user + "-bob"
	b, err := c.app.Connect(c.t.Context(), client.Connect{User: bob, Channels: []string{c.channel}})
	c.must("connect", err)
	_, err = c.app.UserStatus(c.t.Context(), bob, client.Away)
	c.must("set a status", err)
	_, err = c.app.Disconnect(c.t.Context(), b.ConnID)
	c.must("disconnect", err)
	want := []string{"user_connect " + bob, "presence_join " + bob, "user_status " + bob, "user_disconnect " + bob, "presence_leave " + bob}
	told := c.events
	if !c.kind.speaks {
		want = []string{"presence " + bob + " joined", "user_state_change " + bob, "presence " + bob + " parted"}
		told = c.notices
	}
	c.until("it is told that somebody has left", func([]event) bool { return slices.Contains(told(bob), want[len(want)-1]) })
	c.until("it is told all", func([]event) bool { return len(told(bob)) >= len(want) })
	if got := told(bob); !equalSets(got, want) || !inOrder(got, want[0], want[len(want)-2]) {
		c.fatalf("it was told %q, and should be told %q", got, want)
	}
}

// events are the events that tell of a user, each with the name.
func (c *cell) events(user string) (told []string) {
	events, _ := c.told.now()
	for _, e := range events {
		if len(e.Args) == 0 || e.Event == "message" {
			continue
		}
		var who struct{ User string }
		if json.Unmarshal(e.Args[0], &who) != nil {
			who.User = e.word()
		}
		if who.User == user {
			told = append(told, e.Event+" "+user)
		}
	}
	return told
}

// notices are the objects in lists that tell of a user.
func (c *cell) notices(user string) (told []string) {
	for _, o := range c.objects() {
		var message struct{ Action string }
		json.Unmarshal(o.Message, &message) //nolint:errcheck // it has none
		if o.User == user {
			told = append(told, strings.TrimSpace(strings.Join([]string{o.Type, o.User, message.Action}, " ")))
		}
	}
	return told
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func inOrder(all []string, first, second string) bool {
	return slices.Index(all, first) < slices.Index(all, second)
}

// wrong are credentials that are refused for good.
func (c *cell) wrong() map[string]string {
	if c.kind.speaks {
		return map[string]string{"username": c.user, "sig": c.app.UserSignature("somebody else")}
	}
	return map[string]string{"conn_id": "unknown-" + c.user}
}

func refusal(c *cell) {
	c.open(c.wrong())
	why := c.over()
	word := "sig"
	if c.kind.open.Family == "ancient" {
		word = "unauthorized" // the client passes nothing on but the number of the reason
	}
	if c.kind.speaks && !strings.Contains(why, word) {
		c.fatalf("it was refused with %q, which does not say why", why)
	}
	c.staysAway()
	if events, _ := c.told.now(); c.kind.speaks && len(all(events, "connect")) > 0 {
		c.fatalf("it was let in")
	}
}

func freshCredentials(c *cell) {
	c.open(c.wrong())
	c.over()
	before, _ := c.told.now()
	c.register(client.Connect{Channels: []string{c.channel}})
	if c.kind.speaks {
		c.do("fresh", c.signed(c.user))
	} else {
		c.do("fresh", map[string]string{"conn_id": c.connID})
	}
	c.connected(len(all(before, "connect")) + 1)
	if c.kind.speaks {
		c.ask("join", c.channel)
	}
	c.post("welcome")
	c.wants("welcome")
}

// The app ends the connection, and the client stays away.
func disconnect(c *cell) {
	c.enter()
	c.post("before")
	c.hear("before")
	known, err := c.app.Disconnect(c.t.Context(), c.connID)
	c.must("disconnect", err)
	if !known {
		c.fatalf("the app does not know the connection")
	}
	c.over()
	c.staysAway()
}

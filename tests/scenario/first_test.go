package scenario

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// An api that is asked before presence is there waits for it.
func TestTheFirstRequestsAfterAStartAreAnswered(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 2, Gateways: 1})
		for range 4 {
			for _, n := range append(c.Presences, c.APIs...) {
				n.Stop()
			}
			c.APIs[0].Launch()
			answered := make(chan error, 8)
			for range cap(answered) {
				go func() { // ends with the request's time
					_, err := c.APIs[0].API().Connect(t.Context(), client.Connect{
						User: "alice", Channels: []string{"room"},
						ChannelConfigs: map[string]client.ChannelConfig{"room": {NotifyPresence: true}},
					})
					answered <- err
				}()
			}
			for _, n := range c.Presences {
				n.Launch()
			}
			for range cap(answered) {
				if err := <-answered; err != nil {
					t.Error(err)
				}
			}
			_, s := enter(t, c.APIs[0], c.Gateways[0], "bob", "room")
			post(t, c.APIs[0], "room", "hello")
			s.Await("hello")
		}
	}, processes)
}

func TestTheWholeListensWhenItCanWork(t *testing.T) {
	t.Parallel()
	n := processes.AllInOne(t)
	for range 6 {
		n.Stop()
		n.Launch()
		if !n.Ready() {
			_, body := n.Health()
			t.Errorf("it listens, and is not ready: %s", body)
		}
		_, s := enter(t, n, n, "alice", "room")
		post(t, n, "room", "hello")
		s.Await("hello")
	}
}

// A supervisor that asks for a sign of life gets one, and whoever asks what is wrong is told.
func TestAServiceThatStartsBeforeNATSSaysSo(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1})
		nodes := []*harness.Node{c.APIs[0], c.Presences[0], c.Gateways[0]}
		for _, n := range nodes {
			n.Stop()
		}
		c.NATS.Stop()
		for _, n := range nodes {
			n.Launch()
			if status, body := n.Health(); status != http.StatusServiceUnavailable || !strings.Contains(body, `:"failing"`) {
				t.Errorf("%s: %d %s", n.Name, status, body)
			}
		}
		var refusal *client.Error
		_, err := c.APIs[0].API().Publish(t.Context(), client.Message{User: "app", Channel: "room", Message: "early"})
		if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.Code != "unavailable" {
			t.Errorf("a message was answered with %v", err)
		}
		c.Gateways[0].Stop() // before it began
		c.Gateways[0].Launch()
		c.NATS.Start()
		c.AwaitReady()
		_, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		post(t, c.APIs[0], "room", "hello")
		hears(t, s, "hello")
	}, inProcess, processes)
}

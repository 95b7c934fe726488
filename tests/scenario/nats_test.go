package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestRestartOfNATSLosesNothingThatWasAcknowledged(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs, harness.Setting("REQUEST_TIMEOUT", "2s"))
		connID, alice := enter(t, c.APIs[0], c.Gateways[0], "alice", "news")
		_, bob := enter(t, c.APIs[1], c.Gateways[1], "bob", "news")
		subscribe(t, c.APIs[1], connID, "late")
		configure(t, c.APIs[0])

		acknowledged := registerUntilItFails(t, c.APIs[1], c.NATS.Stop)
		refused := postWhileAway(t, c.APIs[0].API(), client.Message{User: "app", Channel: "news", Message: "first"},
			client.Message{User: "app", Channel: "news", Message: "second"})
		for _, g := range c.Gateways {
			harness.Eventually(t, g.Name+" is not ready", func() bool { return !g.Ready() })
		}
		c.NATS.Start()
		c.AwaitReady()
		if !alice.IsOpen() || !bob.IsOpen() {
			t.Fatal("a socket was closed because NATS was away")
		}

		publish(t, c.APIs[0], refused...)
		post(t, c.APIs[1], "late", "to late")
		whisper(t, c.APIs[0], "end", "alice", "bob")
		hears(t, alice, "first", "second", "to late", "end")
		hears(t, bob, "first", "second", "end")
		for _, api := range c.APIs {
			remembers(t, api, acknowledged)
		}
		subscribe(t, c.APIs[0], connID, "new")
		post(t, c.APIs[1], "new", "to new")
		alice.Await("to new")
		if got := harness.OpenSocketIO(t, c.Gateways[1], c.APIs[0].API(), "bob").Join("private", "other"); !slices.Equal(got, []string{"private"}) {
			t.Errorf("bob joined %q, want private alone", got)
		}
	})
}

// configure lets bob join a channel, and gives settings to another.
func configure(t *testing.T, api *harness.Node) {
	t.Helper()
	if _, err := api.API().Subscribe(t.Context(), client.Subscribe{User: "bob", Channels: []string{"private"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.API().Connect(t.Context(), client.Connect{
		User: "carol", Channels: []string{"set"},
		ChannelConfigs: map[string]client.ChannelConfig{"set": {NotifyPresence: true, LongName: "A set channel"}},
	}); err != nil {
		t.Fatal(err)
	}
}

// registerUntilItFails registers connections one after the other, lets NATS go away in the midst of it, and gives
// those that were acknowledged, as user by connection.
func registerUntilItFails(t *testing.T, api *harness.Node, away func()) map[string]string {
	t.Helper()
	acknowledged := map[string]string{}
	warm, ended := make(chan struct{}), make(chan error)
	go func() { // ends when NATS is away
		for i := 0; ; i++ {
			user := fmt.Sprint("user ", i)
			c, err := api.API().Connect(t.Context(), client.Connect{User: user, Channels: []string{"crowd"}})
			if err != nil {
				ended <- err
				return
			}
			acknowledged[c.ConnID] = user
			if i == 20 {
				close(warm)
			}
		}
	}()
	var err error
	select {
	case <-warm:
		away()
		err = <-ended
	case err = <-ended:
		t.Fatalf("connect: %v", err)
	}
	if failed := new(client.Error); !errors.As(err, &failed) || failed.Status != 503 {
		t.Errorf("connect without NATS: got %v, want a 503", err)
	}
	return acknowledged
}

// postWhileAway posts messages, which must be refused, and gives them with the uuids to post them again.
func postWhileAway(t *testing.T, app *client.Client, messages ...client.Message) []client.Message {
	t.Helper()
	_, err := app.Publish(t.Context(), messages...)
	failed := new(client.Error)
	if !errors.As(err, &failed) || failed.Status != 503 {
		t.Fatalf("post without NATS: got %v, want a 503", err)
	}
	if len(failed.UUIDs) != len(messages) || failed.RetryAfter <= 0 {
		t.Fatalf("post without NATS: got uuids %q and Retry-After %v", failed.UUIDs, failed.RetryAfter)
	}
	for i := range messages {
		messages[i].UUID = failed.UUIDs[i]
	}
	return messages
}

// remembers checks that an api knows what was acknowledged before NATS went. It may take a moment until every replica
// of presence has read what it missed.
func remembers(t *testing.T, api *harness.Node, acknowledged map[string]string) {
	t.Helper()
	var all *client.Info
	harness.Eventually(t, "all connections that were acknowledged are known", func() bool {
		all = info(t, api)
		users := map[string][]string{}
		for _, u := range all.Users {
			users[u.User] = u.Connections
		}
		for connID, user := range acknowledged {
			if !slices.Contains(users[user], connID) {
				return false
			}
		}
		return true
	})
	for channel, user := range map[string]string{"late": "alice", "news": "bob", "set": "carol"} {
		if got := all.Channels[channel].Users; !slices.Contains(got, user) {
			t.Errorf("%s: %s is not in %s any more: %q", api.Name, user, channel, got)
		}
	}
	if set := all.Channels["set"]; !set.Settings.NotifyPresence || set.LongName != "A set channel" {
		t.Errorf("%s: the settings of a channel are lost: %+v", api.Name, set)
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
}

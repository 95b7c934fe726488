// Package scenario tells what an operator and an app see of several services together. Each story is told twice: with
// all services in this process, and with each as a process of its own.
package scenario

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// forms are set once, before any test runs.
var (
	inProcess = harness.InProcess{}
	processes *harness.Processes
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "channelstream-scenario-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	processes = harness.NewProcesses(dir)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// told tells a story in both forms.
func told(t *testing.T, story func(t *testing.T, form harness.Form)) {
	t.Helper()
	toldIn(t, story, inProcess, processes)
}

func toldIn(t *testing.T, story func(t *testing.T, form harness.Form), forms ...harness.Form) {
	t.Helper()
	t.Parallel()
	for _, form := range forms {
		t.Run(form.Name(), func(t *testing.T) {
			t.Parallel()
			story(t, form)
		})
	}
}

// register makes a connection whose socket is not open yet.
func register(t *testing.T, api *harness.Node, user string, channels ...string) (connID string) {
	t.Helper()
	c, err := api.API().Connect(t.Context(), client.Connect{User: user, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	return c.ConnID
}

// enter makes a connection and opens its socket.
func enter(t *testing.T, api, gateway *harness.Node, user string, channels ...string) (connID string, s *harness.Socket) {
	t.Helper()
	connID = register(t, api, user, channels...)
	return connID, harness.Open(t, gateway, connID)
}

// post publishes one message that says a text.
func post(t *testing.T, api *harness.Node, channel, text string) {
	t.Helper()
	publish(t, api, client.Message{User: "app", Channel: channel, Message: text})
}

// whisper publishes one private message.
func whisper(t *testing.T, api *harness.Node, text string, users ...string) {
	t.Helper()
	publish(t, api, client.Message{User: "app", PMUsers: users, Message: text})
}

func publish(t *testing.T, api *harness.Node, messages ...client.Message) {
	t.Helper()
	if _, err := api.API().Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t *testing.T, api *harness.Node, connID string, channels ...string) {
	t.Helper()
	if _, err := api.API().Subscribe(t.Context(), client.Subscribe{ConnID: connID, Channels: channels}); err != nil {
		t.Fatal(err)
	}
}

func unsubscribe(t *testing.T, api *harness.Node, connID string, channels ...string) {
	t.Helper()
	if _, err := api.API().Unsubscribe(t.Context(), client.Unsubscribe{ConnID: connID, Channels: channels}); err != nil {
		t.Fatal(err)
	}
}

// hears checks everything that a socket gets up to the last of these texts, which must come.
func hears(t *testing.T, s *harness.Socket, texts ...string) {
	t.Helper()
	if got := s.Await(texts[len(texts)-1]); !slices.Equal(got, texts) {
		t.Errorf("got %q, want %q", got, texts)
	}
}

// info asks an api for all, with connections.
func info(t *testing.T, api *harness.Node) *client.Info {
	t.Helper()
	yes := true
	i, err := api.API().InfoWith(t.Context(), client.InfoOptions{IncludeConnections: &yes})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// knows says whether /info of an api shows a connection of a user who is in some channel.
func knows(t *testing.T, api *harness.Node, user, connID string) bool {
	t.Helper()
	return slices.ContainsFunc(info(t, api).Users, func(u client.User) bool {
		return u.User == user && slices.Contains(u.Connections, connID)
	})
}

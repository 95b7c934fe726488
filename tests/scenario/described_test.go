package scenario

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/described"
	"github.com/channelstream/channelstream/tests/harness"
)

// One of each kind that a client can get, by each way in: what is not as described fails where it comes in.
func TestWhatClientsGetIsAsDescribed(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	app := system.Client
	_, err := app.Configure(t.Context(), map[string]client.ChannelConfig{
		"room": {NotifyPresence: true, NotifyState: true, BroadcastPresenceWithUserLists: true, StoreHistory: true},
	})
	must(t, err)
	socket, status := harness.TryOpenAt(t, system.URL, connect(t, app, "wendy", "room", "news"))
	if socket == nil {
		t.Fatalf("open /ws: %d", status)
	}
	stream := harness.OpenEventSource(t, system.URL, connect(t, app, "eve", "news"))
	stream.AwaitOpen()
	connect(t, app, "sid", "room", "news")
	dialog, refusal := harness.TrySocketIOAt(t, system.URL, "sid", app.UserSignature("sid"))
	if dialog == nil {
		t.Fatalf("open Socket.IO: %s", refusal)
	}
	dialog.Join("room", "news")
	polled := connect(t, app, "paul", "room", "news")

	visitor := connect(t, app, "bob", "room")
	_, err = app.UserState(t.Context(), client.UserState{User: "bob", State: map[string]any{"color": "red"}, PublicKeys: []string{"color"}})
	must(t, err)
	_, err = app.UserStatus(t.Context(), "bob", client.Away)
	must(t, err)
	posted, err := app.Publish(t.Context(), client.Message{User: "bob", Channel: "room", Message: "hello", Extra: map[string]any{"own": 1}})
	must(t, err)
	_, err = app.EditMessages(t.Context(), client.Edit{UUID: posted[0].UUID, Channel: "room", Message: "hallo"})
	must(t, err)
	must(t, app.DeleteMessages(t.Context(), client.Deletion{UUID: posted[0].UUID, Channel: "room"}))
	_, err = app.Disconnect(t.Context(), visitor)
	must(t, err)
	_, err = app.Publish(t.Context(), client.Message{User: "bob", PMUsers: []string{"wendy", "eve", "sid", "paul"}, Message: "bye"})
	must(t, err)

	socket.Await("bye")
	stream.Await("bye")
	for _, event := range []string{"user_connect", "presence_join", "user_status", "message", "presence_leave", "user_disconnect"} {
		dialog.Await(event)
	}
	if list := poll(t, system.URL, polled, ""); !strings.Contains(list, `"bye"`) {
		t.Errorf("a poll got %s", list)
	}
	if list := poll(t, system.URL, polled, "&since=1"); !strings.Contains(list, `"missed"`) {
		t.Errorf("a poll from before the log got %s", list)
	}
	if answer := poll(t, system.URL, "nobody", ""); !strings.Contains(answer, `"Unknown connection"`) {
		t.Errorf("a poll of nobody's got %s", answer)
	}
	if other, refusal := harness.TrySocketIOAt(t, system.URL, "sid", "wrong"); other != nil || !strings.HasPrefix(refusal, "44/stream,") {
		t.Errorf("a wrong signature is answered with %q", refusal)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, app *client.Client, user string, channels ...string) (connID string) {
	t.Helper()
	c, err := app.Connect(t.Context(), client.Connect{User: user, Channels: channels})
	must(t, err)
	return c.ConnID
}

// poll asks once, by a connection of its own.
func poll(t *testing.T, at, connID, more string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/listen?conn_id="+url.QueryEscape(connID)+more, nil)
	must(t, err)
	response, err := described.Watch(t).Over("", &http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	must(t, err)
	defer response.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return string(text)
}

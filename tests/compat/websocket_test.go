package compat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// patience is how long a frame is waited for. Only a test that fails uses it up.
const patience = 20 * time.Second

func socketURL(system *harness.System, connID string) string {
	return "ws" + strings.TrimPrefix(system.URL, "http") + "/ws?conn_id=" + connID
}

// plain opens /ws as any WebSocket library does.
func plain(t *testing.T, system *harness.System, connID string) *websocket.Conn {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), socketURL(system, connID), nil)
	if err != nil {
		t.Fatalf("dial: %v, %v", err, response)
	}
	t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the test is over
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ws
}

// connected registers a connection and opens it.
func connected(t *testing.T, system *harness.System, user string, channels ...string) (*websocket.Conn, string) {
	t.Helper()
	c, err := system.Client.Connect(t.Context(), client.Connect{User: user, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	return plain(t, system, c.ConnID), c.ConnID
}

func publish(t *testing.T, system *harness.System, messages ...client.Message) {
	t.Helper()
	if _, err := system.Client.Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

// contents reads lists until there were n messages, and gives what they hold.
func contents(t *testing.T, ws *websocket.Conn, n int) []string {
	t.Helper()
	var got []string
	for len(got) < n {
		kind, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		var list []struct{ Message string }
		if err := json.Unmarshal(frame, &list); err != nil || kind != websocket.TextMessage || len(list) == 0 {
			t.Fatalf("got a frame of kind %d that is no list: %s", kind, frame)
		}
		for _, m := range list {
			got = append(got, m.Message)
		}
	}
	return got
}

func wantClose(t *testing.T, ws *websocket.Conn, code int, reason string) {
	t.Helper()
	_, frame, err := ws.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Text != reason {
		t.Errorf("got %q and %v, want the close frame %d %s", frame, err, code, reason)
	}
}

func TestAPlainSocketGetsListsInOrder(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	ws, _ := connected(t, system, "alice", "news")
	other, _ := connected(t, system, "bob", "news")
	publish(t, system,
		client.Message{User: "app", Channel: "news", Message: "1"},
		client.Message{User: "app", Channel: "news", PMUsers: []string{"alice"}, Message: "2"},
		client.Message{User: "app", PMUsers: []string{"alice"}, Message: "3"},
		client.Message{User: "app", Channel: "elsewhere", Message: "not here"},
		client.Message{User: "app", Channel: "news", Message: "4"})
	if got := strings.Join(contents(t, ws, 4), " "); got != "1 2 3 4" {
		t.Errorf("alice got %s", got)
	}
	if got := strings.Join(contents(t, other, 2), " "); got != "1 4" {
		t.Errorf("bob got %s", got)
	}
}

func TestAPlainSocketIsToldWhyItIsClosed(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	t.Run("replaced", func(t *testing.T) {
		t.Parallel()
		older, id := connected(t, system, "carol", "news")
		newer := plain(t, system, id)
		wantClose(t, older, websocket.CloseNormalClosure, "replaced")
		publish(t, system, client.Message{User: "app", PMUsers: []string{"carol"}, Message: "to the newer"})
		if got := contents(t, newer, 1)[0]; got != "to the newer" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("disconnected", func(t *testing.T) {
		t.Parallel()
		ws, id := connected(t, system, "dave", "news")
		if known, err := system.Client.Disconnect(t.Context(), id); !known || err != nil {
			t.Errorf("disconnect: %v, %v", known, err)
		}
		wantClose(t, ws, websocket.CloseNormalClosure, "disconnected")
		wantClose(t, plain(t, system, id), websocket.CloseNormalClosure, "disconnected")
	})
	t.Run("too large", func(t *testing.T) {
		t.Parallel()
		ws, _ := connected(t, system, "erin")
		if err := ws.WriteMessage(websocket.TextMessage, make([]byte, 1<<20)); err != nil && !isClosed(err) {
			t.Fatal(err)
		}
		wantClose(t, ws, websocket.CloseMessageTooBig, "too_large")
	})
}

func isClosed(err error) bool {
	return strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "pipe")
}

func TestTheEndOfTheServerIsToldToPlainSockets(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	ws, _ := connected(t, system, "alice", "news")
	publish(t, system, client.Message{User: "app", Channel: "news", Message: "last orders"})
	contents(t, ws, 1)
	system.Stop()
	wantClose(t, ws, websocket.CloseServiceRestart, "draining")
}

func TestAnUnknownConnectionIsToldSoByACloseFrame(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	wantClose(t, plain(t, system, "no-such-connection"), websocket.CloseNormalClosure, "disconnected")
	wantClose(t, plain(t, system, ""), websocket.CloseProtocolError, "protocol_error")
}

func TestPingAndPongOfAPlainSocket(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=200ms", "CHANNELSTREAM_HEARTBEAT_TIMEOUT=400ms")
	ws, _ := connected(t, system, "alice", "news")
	pings, pongs := 0, make(chan string, 1)
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		if pings++; pings == 5 {
			publish(t, system, client.Message{User: "app", Channel: "news", Message: "still there"})
		}
		return answer(data)
	})
	ws.SetPongHandler(func(data string) error { pongs <- data; return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, ws, 1)[0]; got != "still there" || pings < 5 {
		t.Errorf("got %q after %d pings", got, pings)
	}
	if got := <-pongs; got != "are you there" {
		t.Errorf("the pong holds %q", got)
	}
	ws.SetPingHandler(func(string) error { return nil })
	wantClose(t, ws, websocket.ClosePolicyViolation, "heartbeat_timeout")
}

func TestAPlainSocketFollowsItsConnection(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t)
	ws, id := connected(t, system, "alice", "first")
	if _, err := system.Client.Subscribe(t.Context(), client.Subscribe{ConnID: id, Channels: []string{"second"}}); err != nil {
		t.Fatal(err)
	}
	publish(t, system, client.Message{User: "app", Channel: "second", Message: "1"})
	contents(t, ws, 1)
	if _, err := system.Client.Unsubscribe(t.Context(), client.Unsubscribe{ConnID: id, Channels: []string{"second"}}); err != nil {
		t.Fatal(err)
	}
	publish(t, system, client.Message{User: "app", Channel: "second", Message: "2"}, client.Message{User: "app", Channel: "first", Message: "3"})
	if got := contents(t, ws, 1)[0]; got != "3" {
		t.Errorf("got %s after it left", got)
	}
}

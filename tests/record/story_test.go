package record

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/tests/described"
	"github.com/channelstream/channelstream/tests/harness"
)

// story is exchanges one after the other, and the clients that listen meanwhile.
type story struct {
	*stage
	known   bindings
	clients map[string]*listener
}

func (s *stage) story() *story {
	return &story{stage: s, known: bindings{}, clients: map[string]*listener{}}
}

// tell makes the exchanges in order. After each, every client must have got its frames and no other.
func (s *story) tell(t *testing.T, exchanges []exchange) {
	t.Helper()
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) {
			s.exchange(t, e, s.known)
			s.compare(t, e.frames)
		})
	}
}

// enter connects a user and opens a socket. The connection has the name of the user.
func (s *story) enter(t *testing.T, user string, channels ...string) {
	t.Helper()
	s.register(t, user, channels...)
	s.open(t, user, user, channels...)
}

func (s *story) register(t *testing.T, user string, channels ...string) {
	t.Helper()
	s.exchange(t, exchange{
		request: "POST /connect " + encode(map[string]any{"user": user, "conn_id": user, "channels": list(channels)}), answer: done,
	}, s.known)
}

// open opens the socket of a connection that is in these channels.
func (s *story) open(t *testing.T, connID, user string, channels ...string) {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.DialContext(t.Context(),
		"ws"+strings.TrimPrefix(s.system.URL, "http")+"/ws?conn_id="+url.QueryEscape(connID), nil)
	if err != nil {
		t.Fatalf("open %s: %v", connID, err)
	}
	t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the story is over
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("the handshake is answered %s", response.Status)
	}
	s.clients[connID] = &listener{ws: ws, user: user, channels: channels}
}

// compare reads what the clients got.
func (s *story) compare(t *testing.T, want frames) {
	t.Helper()
	if len(s.clients) == 0 {
		return
	}
	mark := s.mark(t)
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		got := s.clients[name].until(t, mark)
		if len(got) != len(want[name]) {
			t.Errorf("%s got %q\nwant %q", name, got, want[name])
			continue
		}
		for i := range got {
			for _, difference := range match(want[name][i], []byte(got[i]), s.known) {
				t.Errorf("%s got %s\n%s", name, got[i], difference)
			}
		}
	}
	for name := range want {
		if s.clients[name] == nil {
			t.Errorf("nobody is called %s", name)
		}
	}
}

// marker is who posts marks.
const marker = "marker"

// mark posts a message that no history keeps to each channel and each user of the clients. What was sent before comes
// before it, so whatever has not come then does not come.
func (s *story) mark(t *testing.T) string {
	t.Helper()
	mark := fmt.Sprint(time.Now().UnixNano())
	channels, users := map[string]bool{}, map[string]bool{}
	for _, c := range s.clients {
		users[c.user] = true
		for _, channel := range c.channels {
			channels[channel] = true
		}
	}
	var marks []map[string]any
	for channel := range channels {
		marks = append(marks, map[string]any{"user": marker, "channel": channel, "message": mark, "no_history": true})
	}
	marks = append(marks, map[string]any{"user": marker, "pm_users": slices.Collect(maps.Keys(users)), "message": mark})
	s.exchange(t, exchange{request: "POST /message " + encode(marks), answer: done}, s.known)
	return mark
}

// listener is a client with a plain WebSocket. It is read by the goroutine of its test.
type listener struct {
	ws       *websocket.Conn
	user     string
	channels []string
	offset   uint64 // of the newest message with one
}

// until reads up to the marks, and gives what came before without their offsets.
func (l *listener) until(t *testing.T, mark string) (got []string) {
	t.Helper()
	if err := l.ws.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	for marks := 0; marks < len(l.channels)+1; {
		kind, p, err := l.ws.ReadMessage()
		if err != nil {
			t.Fatalf("%s got %q, then: %v", l.user, got, err)
		}
		described.Watch(t).List(p)
		var list []map[string]json.RawMessage
		if err := json.Unmarshal(p, &list); err != nil || kind != websocket.TextMessage || len(list) == 0 {
			t.Fatalf("%s got a frame of kind %d that is no list of objects: %s", l.user, kind, p)
		}
		for _, object := range list {
			l.advance(t, object)
			switch {
			case string(object["type"]) == `"offset"`: // says how far it has come, and nothing else
			case string(object["user"]) != encode(marker):
				got = append(got, encode(object))
			case string(object["message"]) == encode(mark):
				marks++
			}
		}
	}
	return got
}

// advance takes off the offset, which the record does not have and never goes back.
func (l *listener) advance(t *testing.T, object map[string]json.RawMessage) {
	t.Helper()
	text, given := object["offset"]
	if !given {
		return
	}
	delete(object, "offset")
	var offset uint64
	if err := json.Unmarshal(text, &offset); err != nil || offset < l.offset {
		t.Errorf("%s is at offset %d and gets %s: %v", l.user, l.offset, text, err)
	}
	l.offset = offset
}

package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/described"
)

// SocketIO is a client that speaks as much Socket.IO 5 over Engine.IO 4 as it takes to join and leave, in the
// namespace /stream:
//
//	◄ 0{handshake}   ► 40/stream,{credentials}   ◄ 40/stream,{sid}
//	► 42/stream,["join",["a","b"]]   ◄ 42/stream,["join",["a"]]   ◄ 2   ► 3
type SocketIO struct {
	t       testing.TB
	witness *described.Witness
	ws      *websocket.Conn
}

// OpenSocketIO opens a session of a user at a gateway, until the end of the test. As any client it comes again while the gateway takes
// no sessions, which one that is ready does for a moment behind an outage.
func OpenSocketIO(t testing.TB, gateway *Node, app *client.Client, user string) (s *SocketIO) {
	t.Helper()
	refusal := ""
	Eventually(t, gateway.Name+" takes sessions", func() bool {
		s, refusal = TrySocketIOAt(t, gateway.URL(), user, app.UserSignature(user))
		return refusal != "status 503"
	})
	if s == nil {
		t.Fatalf("open Socket.IO at %s: refused: %s", gateway.Name, refusal)
	}
	return s
}

// TrySocketIOAt is OpenSocketIO at a URL, with a signature of the user's name. If it is refused it gives nil and the packet of
// the refusal, how the socket was closed, or the status that the handshake got.
func TrySocketIOAt(t testing.TB, at, user, sig string) (s *SocketIO, refusal string) {
	t.Helper()
	return trySocketIO(t, at, "username="+url.QueryEscape(user)+"&sig="+url.QueryEscape(sig))
}

// TrySocketIOOf is TrySocketIOAt for a connection.
func TrySocketIOOf(t testing.TB, at, connID string) (s *SocketIO, refusal string) {
	t.Helper()
	return trySocketIO(t, at, "conn_id="+url.QueryEscape(connID))
}

func trySocketIO(t testing.TB, at, credentials string) (s *SocketIO, refusal string) {
	t.Helper()
	ws, status := dial(t, at, "/socket.io/?EIO=4&transport=websocket&"+credentials)
	if ws == nil {
		return nil, fmt.Sprint("status ", status)
	}
	t.Cleanup(func() { ws.Close() }) //nolint:errcheck // it may have ended by itself
	s = &SocketIO{t: t, witness: described.Watch(t), ws: ws}
	s.await("0")
	s.send("40/stream,")
	packet, err := s.next("4")
	switch {
	case err != nil:
		return nil, err.Error()
	case !strings.HasPrefix(packet, "40/stream,"):
		return nil, packet
	}
	return s, ""
}

// Join asks for channels and gives those that were really joined.
func (s *SocketIO) Join(channels ...string) []string { return s.ask("join", channels) }

// Leave gives channels back and gives those that were really left.
func (s *SocketIO) Leave(channels ...string) []string { return s.ask("leave", channels) }

// Await waits for an event and gives its argument.
func (s *SocketIO) Await(event string) json.RawMessage {
	s.t.Helper()
	prefix := "42/stream,"
	for {
		var args []json.RawMessage
		packet := s.await(prefix)
		if err := json.Unmarshal([]byte(packet[len(prefix):]), &args); err != nil || len(args) < 2 {
			s.t.Fatalf("an event is no list of a name and an argument: %s", packet)
		}
		if string(args[0]) == `"`+event+`"` {
			return args[1]
		}
	}
}

func (s *SocketIO) ask(event string, channels []string) []string {
	s.t.Helper()
	packet, err := json.Marshal([]any{event, channels})
	if err != nil {
		s.t.Fatal(err)
	}
	s.send("42/stream," + string(packet))
	var named []string
	if err := json.Unmarshal(s.Await(event), &named); err != nil {
		s.t.Fatalf("the answer to %s is no list of names: %v", event, err)
	}
	slices.Sort(named)
	return named
}

func (s *SocketIO) send(packet string) {
	s.t.Helper()
	if err := s.ws.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		s.t.Fatalf("send %q: %v", packet, err)
	}
}

// await reads up to a packet that begins so. It answers heartbeats, and passes over the rest.
func (s *SocketIO) await(prefix string) string {
	s.t.Helper()
	packet, err := s.next(prefix)
	if err != nil {
		s.t.Fatalf("wait for %q: %v", prefix, err)
	}
	return packet
}

// next is await for a socket that may be closed.
func (s *SocketIO) next(prefix string) (string, error) {
	s.t.Helper()
	if err := s.ws.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		s.t.Fatal(err)
	}
	for {
		_, p, err := s.ws.ReadMessage()
		if err != nil {
			return "", fmt.Errorf("wait for %q: %w", prefix, err)
		}
		s.witness.Packet(string(p))
		switch packet := string(p); {
		case packet == "2":
			s.send("3")
		case strings.HasPrefix(packet, prefix):
			return packet, nil
		}
	}
}

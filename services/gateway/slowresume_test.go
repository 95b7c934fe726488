package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// small dials connections of whose bytes the network takes only few before somebody reads them.
func small(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		controlled := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(controlled, err)
	}}
	return dialer.DialContext(ctx, network, address)
}

// sip opens a WebSocket over such a connection.
func sip(t *testing.T, g *gatewaytest.Gateway, path string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: small}
	ws, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(g.URL, "http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the test is over
	return ws
}

// patience has a connection wait for what is read from now on.
func patience(t *testing.T, c interface{ SetReadDeadline(time.Time) error }) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(gatewaytest.Patience)); err != nil {
		t.Fatal(err)
	}
}

// object is what a client sees of one object of a list.
type object struct {
	Type   string
	N      int
	Since  uint64
	Offset uint64
}

// objects reads lists until one ends with a message of a number, or later.
func objects(t *testing.T, ws *websocket.Conn, last int) (all []object) {
	t.Helper()
	patience(t, ws)
	for {
		var list []object
		_, text, err := ws.ReadMessage()
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if err != nil {
			t.Fatalf("behind %d objects: %v in %.100s", len(all), err, text)
		}
		if all = append(all, list...); all[len(all)-1].N >= last {
			return all
		}
	}
}

func inOrder(t *testing.T, messages []object, first int) {
	t.Helper()
	for i, m := range messages {
		if m.Type != "" || m.N != first+i || i > 0 && m.Offset <= messages[i-1].Offset {
			t.Fatalf("%+v came as the %dth behind %d", m, i, first)
		}
	}
}

// What clients have missed here is more than the network and their backlogs take, and not much less than fits on a tape.
const missed = 40

func large(n int) string {
	return fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, strings.Repeat("x", 250_000))
}

// slowly has clients lose their places, and nothing else happen to them.
var slowly = []string{
	"CHANNELSTREAM_TAPE_BYTES=48MiB", "CHANNELSTREAM_BACKLOG_BYTES=4MiB", "CHANNELSTREAM_BACKLOG_AGE=1h",
	"CHANNELSTREAM_RESUME_TIMEOUT=1h", "CHANNELSTREAM_HEARTBEAT_INTERVAL=1h",
}

func TestAClientThatComesBackAndReadsTooSlowlyIsEndedInTime(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_AGE=1h", "CHANNELSTREAM_RESUME_TIMEOUT=500ms")
	g.Presence.Register("c1", "alice", "news")
	since := g.Store("news", said(0))
	for n := range missed {
		g.Store("news", large(n))
	}
	sip(t, g, fmt.Sprintf("/ws?conn_id=c1&since=%d", since))
	gatewaytest.Eventually(t, "the client is ended", func() bool {
		return strings.Contains(g.Metrics(), `closed_total{reason="slow_consumer"} 1`) && !g.Presence.Holds("c1")
	})
}

// One client reads nothing while its channel goes on, another reads as fast as it can.
func TestAClientThatIsSlowerThanTheTapesAreLongIsToldAndGoesOnWithWhatIsNew(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, slowly...)
	g.Presence.Register("slow", "alice", "news")
	g.Presence.Register("fast", "bob", "news")
	since := g.Store("news", said(0))
	n := 0
	for n < missed {
		n++
		g.Store("news", large(n))
	}
	path := func(conn string) string { return fmt.Sprintf("/ws?conn_id=%s&since=%d", conn, since) }
	slow, fast := sip(t, g, path("slow")), g.Dial(path("fast"))
	read := objects(t, fast.Conn, n)
	for !strings.Contains(g.Metrics(), "channelstream_gateway_cut_off_total 1") {
		if n++; n > 3*missed {
			t.Fatal("the slow client keeps its place for ever")
		}
		g.Store("news", large(n))
		read = append(read, objects(t, fast.Conn, n)...)
	}
	for range 5 {
		n++
		g.Store("news", large(n))
	}
	inOrder(t, append(read, objects(t, fast.Conn, n)...), 1)

	got := objects(t, slow, n)
	at := slices.IndexFunc(got, func(m object) bool { return m.Type != "" })
	if at < 1 || len(got) < at+3 {
		t.Fatalf("%d objects came, the first that is no message is number %d", len(got), at)
	}
	before, told, offset, after := got[:at], got[at], got[at+1], got[at+2:]
	if told.Type != "missed" || told.Since != before[at-1].Offset || offset.Type != "offset" || offset.Offset <= told.Since {
		t.Errorf("behind %d it was told %+v and %+v", before[at-1].Offset, told, offset)
	}
	inOrder(t, before, 1)
	inOrder(t, after, n+1-len(after))
	if len(after) < 5 || after[0].Offset != offset.Offset+1 {
		t.Errorf("it goes on with %+v behind %d", after[0], offset.Offset)
	}
}

func TestAClientThatIsSlowerThanTheTapesAreLongIsToldInItsOwnWay(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, slowly...)
	g.Presence.Register("socket", "alice", "news")
	g.Presence.Register("stream", "bob", "news")
	since := g.Store("news", said(0))
	for n := range missed {
		g.Store("news", large(n))
	}
	socket := sip(t, g, "/socket.io/?EIO=4&transport=websocket")
	hello := fmt.Sprintf(`40/stream,{"conn_id":"socket","pid":"socket.ABC.%d"}`, since)
	if err := socket.WriteMessage(websocket.TextMessage, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	stream, err := small(t.Context(), "tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close() //nolint:errcheck // the test is over
	if _, err := fmt.Fprintf(stream, "GET /sse?conn_id=stream&since=%d HTTP/1.1\r\nHost: gateway\r\n\r\n", since); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, "both have come", func() bool { return g.Presence.Holds("socket") && g.Presence.Holds("stream") })
	for n := 0; !strings.Contains(g.Metrics(), "channelstream_gateway_cut_off_total 2"); n++ {
		if n == 2*missed {
			t.Fatal("the slow clients keep their places for ever")
		}
		g.Store("news", large(n))
	}
	g.Store("news", `{"last":1,"catchup":false}`)

	patience(t, socket)
	wantOnce(t, socket.ReadMessage, `2/stream,\["missed",{"type":"missed","channel":null,"since":\d+}(,"\d+")?\]`) // none if it lost its place before it was welcome
	patience(t, stream)
	piece := make([]byte, 1<<16)
	wantOnce(t, func() (int, []byte, error) { n, err := stream.Read(piece); return n, piece[:n], err },
		`\n\nid: \d+\nevent: message\ndata: \[{"type":"missed","channel":null,"since":\d+}\]\n\n`)
}

// wantOnce reads up to the last message, and fails unless the client was told once that it missed something.
func wantOnce(t *testing.T, read func() (int, []byte, error), missed string) {
	t.Helper()
	var all []byte
	for !bytes.Contains(all, []byte(`{"last":1,`)) {
		_, some, err := read()
		if err != nil {
			t.Fatalf("behind %d bytes: %v", len(all), err)
		}
		all = append(all, some...)
	}
	if told := regexp.MustCompile(missed).FindAll(all, -1); len(told) != 1 || bytes.Count(all, []byte(`"missed"`)) != bytes.Count(told[0], []byte(`"missed"`)) {
		t.Errorf("it was told %q", told)
	}
}

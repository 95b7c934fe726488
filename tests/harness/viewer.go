package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/tests/described"
)

// Viewer is a client with a plain WebSocket that goes on where it stopped, at any gateway. It keeps what a user would see:
// messages as they were edited, without those that were removed. It notes what must not happen: a message twice, one
// that the log no longer had.
type Viewer struct {
	t       testing.TB
	witness *described.Witness
	connID  string

	mu     sync.Mutex
	seen   map[string]int // by uuid and channel: place in shown; guarded by mu
	shown  []Shown        // guarded by mu
	offset uint64         // guarded by mu
	visit  string         // the gateway and the offset with which it came there last; guarded by mu
	faults []string       // guarded by mu

	ws   *websocket.Conn // of the test's goroutine; nil while it is away
	gone chan struct{}   // closed when ws has been read to its end
}

// Shown is a message as a user sees it.
type Shown struct {
	UUID    string
	Channel string // empty: a private message
	Text    string
	Removed bool
	came    string // in which visit, and with which offset
}

// NewViewer makes a viewer of a connection that is registered. It is away.
func NewViewer(t testing.TB, connID string) *Viewer {
	v := &Viewer{t: t, witness: described.Watch(t), connID: connID, seen: map[string]int{}}
	t.Cleanup(v.Drop)
	return v
}

// ConnID is the viewer's connection.
func (v *Viewer) ConnID() string { return v.connID }

// Come opens the socket at a gateway; it says whether the gateway took it.
func (v *Viewer) Come(gateway *Node) bool {
	v.t.Helper()
	v.Drop()
	since := ""
	if at := v.Offset(); at > 0 {
		since = strconv.FormatUint(at, 10)
	}
	v.mu.Lock()
	v.visit = fmt.Sprintf("%s since %q", gateway.URL(), since)
	v.mu.Unlock()
	ws, _ := dial(v.t, gateway.URL(), "/ws?conn_id="+url.QueryEscape(v.connID)+"&since="+since)
	if ws == nil {
		return false
	}
	v.ws, v.gone = ws, make(chan struct{})
	go v.read(v.ws, v.gone) // ends with the socket
	for deadline := time.Now().Add(Patience); since == "" && v.Offset() == 0 && v.Here() && time.Now().Before(deadline); {
		<-time.After(time.Millisecond) // it is told where it begins: without that, what it has not read when it drops is lost to it
	}
	return true
}

// Drop goes away without a word, as a lost network does.
func (v *Viewer) Drop() {
	if v.ws == nil {
		return
	}
	v.ws.NetConn().Close() //nolint:errcheck // it may have ended by itself
	<-v.gone
	v.ws = nil
}

// Here says whether the socket is open.
func (v *Viewer) Here() bool {
	if v.ws == nil {
		return false
	}
	select {
	case <-v.gone:
		return false
	default:
		return true
	}
}

// Offset is where the viewer would go on; 0: it has got nothing yet.
func (v *Viewer) Offset() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.offset
}

func (v *Viewer) read(ws *websocket.Conn, gone chan struct{}) {
	defer close(gone)
	for {
		_, p, err := ws.ReadMessage()
		if err != nil {
			return
		}
		v.witness.List(p)
		var list []struct {
			Message
			Offset uint64 `json:"offset"`
		}
		if err := json.Unmarshal(p, &list); err != nil {
			v.fault("a frame is no list of messages: %v: %.200s", err, p)
			return
		}
		v.mu.Lock()
		for _, m := range list {
			v.receive(m.Message, m.Offset)
			if m.Offset > 0 {
				v.offset = m.Offset
			}
		}
		v.mu.Unlock()
	}
}

// receive puts one object into the view; mu is held.
func (v *Viewer) receive(m Message, offset uint64) {
	came := fmt.Sprintf("offset %d at %s", offset, v.visit)
	key := m.UUID + " in " + m.In()
	at, known := v.seen[key]
	switch m.Type {
	case "message":
		if known {
			v.faults = append(v.faults, fmt.Sprintf("%s (%s) came twice: with %s, and with %s", key, m.Text(), v.shown[at].came, came))
			return
		}
		v.seen[key] = len(v.shown)
		v.shown = append(v.shown, Shown{UUID: m.UUID, Channel: m.In(), Text: m.Text(), came: came})
	case "message:edit":
		if known {
			v.shown[at].Text = m.Text()
		}
	case "message:delete":
		if known {
			v.shown[at].Removed = true
		}
	case "missed":
		v.faults = append(v.faults, "the log no longer had everything")
	}
}

func (v *Viewer) fault(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// Faults is what must not happen and did.
func (v *Viewer) Faults() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.faults, "; ")
}

// View is what the user sees of a channel, in the order in which it came.
func (v *Viewer) View(channel string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var texts []string
	for _, m := range v.shown {
		if m.Channel == channel && !m.Removed {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// Sees says whether a message of a channel with this text is in the view.
func (v *Viewer) Sees(channel, text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := len(v.shown) - 1; i >= 0; i-- {
		if m := v.shown[i]; m.Channel == channel && m.Text == text {
			return true
		}
	}
	return false
}

// Await waits until a message of a channel with this text is in the view, coming to a gateway again when it was sent away.
func (v *Viewer) Await(channel, text string, gateways ...*Node) {
	v.t.Helper()
	deadline := time.Now().Add(Patience)
	for turn := 0; !v.Sees(channel, text); turn++ {
		if time.Now().After(deadline) {
			v.t.Fatalf("%s waited in vain for %q in %q; got %q; here: %v, offset %d, faults: %s",
				v.connID, text, channel, v.View(channel), v.Here(), v.Offset(), v.Faults())
		}
		if !v.Here() && len(gateways) > 0 {
			v.Come(gateways[turn%len(gateways)])
		}
		<-time.After(2 * time.Millisecond)
	}
}

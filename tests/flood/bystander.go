package flood

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
)

// A bystander's channel gets a message every pace, whatever the server does meanwhile: a message that comes late because
// the one before it was not accepted yet is late since the moment at which it was due.
const (
	pace    = 25 * time.Millisecond
	posters = 6  // requests under way at most
	span    = 20 // messages whose latencies make one 99th percentile: half a second
)

// plainClients and streamClients are the clients of a bystander: at /ws, and of Socket.IO.
const (
	plainClients  = 3
	streamClients = 1
)

const bystanderChannel = "bystanders"

// bystander is some clients that behave well, in a channel that gets messages at a steady pace.
type bystander struct {
	// set at construction
	t       *testing.T
	server  *server
	began   time.Time
	clients []*onlooker
	cancel  context.CancelFunc // no more messages
	posting sync.WaitGroup
	reading sync.WaitGroup

	mu     sync.Mutex
	next   int               // the message that is posted next; guarded by mu
	late   [][]time.Duration // by message, how late it came to each client; guarded by mu
	twice  int               // guarded by mu
	over   bool              // the clients go; guarded by mu
	faults []string          // guarded by mu
}

// onlooker is one client.
type onlooker struct {
	name string
	at   int // in the bystander's clients
	ws   *websocket.Conn
}

// newBystander lets the clients in and begins to post.
func newBystander(t *testing.T, s *server) *bystander {
	t.Helper()
	b := &bystander{t: t, server: s}
	for i := range plainClients {
		b.enter(fmt.Sprintf("plain-%d", i), "/ws?")
	}
	for i := range streamClients {
		b.enter(fmt.Sprintf("stream-%d", i), "/socket.io/?EIO=4&transport=websocket&")
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.began, b.cancel = time.Now(), cancel
	for range posters {
		b.posting.Go(func() { b.post(ctx) })
	}
	t.Cleanup(b.leave)
	return b
}

func (b *bystander) enter(name, path string) {
	b.t.Helper()
	c, err := b.server.app.Connect(b.t.Context(), client.Connect{User: name, Channels: []string{bystanderChannel}})
	if err != nil {
		b.t.Fatal(err)
	}
	url := "ws" + strings.TrimPrefix(b.server.URL(), "http") + path + "conn_id=" + c.ConnID
	ws, _, err := websocket.DefaultDialer.DialContext(b.t.Context(), url, nil)
	if err != nil {
		b.t.Fatalf("let %s in: %v", name, err)
	}
	o := &onlooker{name: name, at: len(b.clients), ws: ws}
	b.clients = append(b.clients, o)
	if strings.HasPrefix(path, "/socket.io") {
		b.greet(o)
	}
	b.reading.Go(func() { b.read(o) })
}

// greet enters the namespace.
func (b *bystander) greet(o *onlooker) {
	b.t.Helper()
	if err := o.ws.WriteMessage(websocket.TextMessage, []byte("40/stream,")); err != nil {
		b.t.Fatal(err)
	}
	for {
		_, packet, err := o.ws.ReadMessage()
		if err != nil {
			b.t.Fatalf("let %s in: %v", o.name, err)
		}
		if strings.HasPrefix(string(packet), "40/stream,") {
			return
		}
	}
}

// due is when a message is posted.
func (b *bystander) due(n int) time.Time { return b.began.Add(time.Duration(n) * pace) }

// take gives the message to post next.
func (b *bystander) take() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.next
	b.next++
	b.late = append(b.late, slices.Repeat([]time.Duration{-1}, len(b.clients)))
	return n
}

func (b *bystander) post(ctx context.Context) {
	for {
		n := b.take()
		select {
		case <-time.After(time.Until(b.due(n))):
		case <-ctx.Done():
			b.mu.Lock()
			b.late[n] = nil // it is never posted
			b.mu.Unlock()
			return
		}
		// What was begun is ended: a message whose request was given up may have been delivered or not.
		message := client.Message{User: "app", Channel: bystanderChannel, Message: map[string]int{"n": n}}
		if _, err := b.server.app.Publish(context.WithoutCancel(ctx), message); err != nil {
			b.fault("post message %d: %v", n, err)
			return
		}
	}
}

func (b *bystander) read(o *onlooker) {
	for {
		_, p, err := o.ws.ReadMessage()
		if err != nil {
			b.gone(o, err)
			return
		}
		now := time.Now()
		switch text, event := strings.CutPrefix(string(p), "42/stream,"); {
		case event:
			b.heard(o, text, now)
		case text == "2":
			if err := o.ws.WriteMessage(websocket.TextMessage, []byte("3")); err != nil {
				b.gone(o, err)
				return
			}
		case strings.HasPrefix(text, "["):
			b.got(o, p, now)
		}
	}
}

// heard takes an event.
func (b *bystander) heard(o *onlooker, event string, now time.Time) {
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(event), &args); err != nil || len(args) < 2 {
		b.fault("%s got %.200s", o.name, event)
		return
	}
	switch string(args[0]) {
	case `"message"`:
		b.got(o, args[1], now)
	case `"offset"`:
	default:
		b.fault("%s got %.200s", o.name, event)
	}
}

func (b *bystander) got(o *onlooker, list []byte, now time.Time) {
	var messages []struct{ Message struct{ N int } }
	if err := json.Unmarshal(list, &messages); err != nil {
		b.fault("%s got %.200s: %v", o.name, list, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		late := &b.late[m.Message.N][o.at]
		if *late >= 0 {
			b.twice++
		}
		*late = max(0, now.Sub(b.due(m.Message.N)))
	}
}

func (b *bystander) gone(o *onlooker, err error) {
	b.mu.Lock()
	over := b.over
	b.mu.Unlock()
	if !over {
		b.fault("%s lost its connection: %v", o.name, err)
	}
}

func (b *bystander) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// lag is the most that a measurement waits for messages behind its end.
const lag = 3 * time.Second

// measure waits for the messages of the next time and gives how late they came: the median of the 99th percentiles of
// its spans, since a busy machine spoils now and then one, and a server that starves its clients all of them. It ends early
// when stop is closed.
func (b *bystander) measure(length time.Duration, stop <-chan struct{}) time.Duration {
	from := int(time.Since(b.began)/pace) + 1
	to := from + int(length/pace)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for end := b.due(to).Add(lag); !b.have(from, to) && time.Now().Before(end); {
		select {
		case <-tick.C:
			continue
		case <-stop:
		}
		break
	}
	var spans []time.Duration
	for ; from+span <= to; from += span {
		spans = append(spans, b.percentile(from, from+span))
	}
	slices.Sort(spans)
	return spans[(len(spans)-1)/2]
}

// have says whether all clients have all messages of a stretch.
func (b *bystander) have(from, to int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.late) < to {
		return false
	}
	for _, late := range b.late[from:to] {
		if slices.Contains(late, -1) {
			return false
		}
	}
	return true
}

// percentile gives the 99th of a stretch. What has not come is late by now.
func (b *bystander) percentile(from, to int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []time.Duration
	for n := from; n < to; n++ {
		for at := range b.clients {
			late := time.Duration(-1)
			if n < len(b.late) {
				late = b.late[n][at]
			}
			if late < 0 {
				late = max(0, time.Since(b.due(n)))
			}
			all = append(all, late)
		}
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// verify ends the posting and checks that every client has got every message, and none twice.
func (b *bystander) verify() {
	b.t.Helper()
	b.cancel()
	b.posting.Wait()
	deadline := time.Now().Add(recovery)
	for b.missing() > 0 && time.Now().Before(deadline) {
		<-time.After(pace)
	}
	if missing := b.missing(); missing > 0 {
		b.t.Errorf("%d messages did not come to a bystander", missing)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.twice > 0 {
		b.t.Errorf("%d messages came to a bystander again", b.twice)
	}
	for i, fault := range b.faults {
		if i < 10 {
			b.t.Errorf("bystander: %s", fault)
		}
	}
}

func (b *bystander) missing() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, late := range b.late {
		if slices.Contains(late, -1) {
			n++
		}
	}
	return n
}

// leave ends the clients.
func (b *bystander) leave() {
	b.cancel()
	b.posting.Wait()
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	for _, o := range b.clients {
		o.ws.Close() //nolint:errcheck // it may have ended by itself
	}
	b.reading.Wait()
}

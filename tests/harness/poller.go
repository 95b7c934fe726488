package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/tests/described"
)

// Poller is a client of Socket.IO 5 over Engine.IO 4 that polls, and knows of no offsets, as those before 4.6 do. It
// collects what comes in the namespace /stream of a connection.
//
//	GET ◄ 0{handshake}   POST ► 40/stream,   GET ◄ 40/stream,{sid}   GET ◄ 42/stream,["message",[{…}]]   GET ◄ 2   POST ► 3
type Poller struct {
	// set at construction
	t       testing.TB
	witness *described.Witness
	url     string
	http    *http.Client
	stop    func() // and waits

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	texts []string   // guarded by mu
	over  string     // why it polls no more; guarded by mu
}

// OpenPoller opens a session of a connection at a gateway, until the end of the test.
func OpenPoller(t testing.TB, gateway *Node, connID string) *Poller {
	t.Helper()
	p := &Poller{t: t, witness: described.Watch(t), url: gateway.URL() + "/socket.io/?EIO=4&transport=polling&conn_id=" + url.QueryEscape(connID)}
	p.http = &http.Client{Transport: &http.Transport{DialContext: p.dial}}
	ctx, cancel := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	p.stop = func() { cancel(); polling.Wait() }
	t.Cleanup(func() { p.stop(); p.http.CloseIdleConnections() })
	opened, err := p.ask(ctx, http.MethodGet, "")
	var handshake struct{ SID string }
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &handshake)
	}
	if err != nil || handshake.SID == "" {
		t.Fatalf("open a polling session at %s: %v, %s", gateway.Name, err, opened)
	}
	p.url += "&sid=" + handshake.SID
	if _, err := p.ask(ctx, http.MethodPost, "40/stream,"); err != nil {
		t.Fatalf("connect a polling session at %s: %v", gateway.Name, err)
	}
	polling.Go(func() { p.run(ctx) })
	return p
}

func (p *Poller) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		p.mu.Lock()
		p.conns = append(p.conns, conn)
		p.mu.Unlock()
	}
	return conn, err
}

func (p *Poller) ask(ctx context.Context, method, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := p.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return string(answer), err
}

func (p *Poller) run(ctx context.Context) {
	for {
		answer, err := p.ask(ctx, http.MethodGet, "")
		for packet := range strings.SplitSeq(answer, "\x1e") {
			if err == nil {
				err = p.packet(ctx, packet)
			}
		}
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.over = err.Error()
			return
		}
	}
}

func (p *Poller) packet(ctx context.Context, packet string) error {
	const event = `42/stream,["message",`
	p.witness.Packet(packet)
	switch {
	case packet == "2":
		_, err := p.ask(ctx, http.MethodPost, "3")
		return err
	case strings.HasPrefix(packet, event):
		var args []json.RawMessage
		var list []Message
		err := json.Unmarshal([]byte(packet[len("42/stream,"):]), &args)
		if err == nil {
			err = json.Unmarshal(args[1], &list)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range list {
			p.texts = append(p.texts, m.Text())
		}
		return err
	case packet == "1", strings.HasPrefix(packet, "44/"):
		return fmt.Errorf("the server said %s", packet)
	}
	return nil
}

// Texts is what the messages say that have come.
func (p *Poller) Texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.texts...)
}

// Over says why the client polls no more; "" as long as it does.
func (p *Poller) Over() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over
}

package rfc6455_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// However the bytes are cut, they say the same, or are refused for the same.
func FuzzPiecesSayWhatTheWholeSays(f *testing.F) {
	for _, section := range []func(testing.TB) []conformance{
		pingsAndPongs, reservedBits, opcodes, fragmentation, utf8Handling, closeHandling,
	} {
		for _, c := range section(f) {
			f.Add(c.sends, uint64(len(c.sends)), c.deflate)
		}
	}
	for _, kind := range []byte{text, data} {
		f.Add(sent(fin|rsv1|kind, deflated(f, prose(300, 0))), uint64(kind), true)
		f.Add(withLength(fin|kind, limit+1, "too much"), uint64(kind), false)
	}
	f.Fuzz(func(t *testing.T, p []byte, seed uint64, deflate bool) {
		before := bytes.Clone(p)
		whole := read(t, deflate, p)
		for i := range uint64(3) {
			pieces := split(p, rand.New(rand.NewPCG(seed, i)))
			if s := read(t, deflate, pieces...); !s.equal(whole) {
				t.Errorf("whole:\n%v\nin pieces %x:\n%v", whole, pieces, s)
			}
		}
		var broken *rfc6455.Error
		if whole.err != nil && !errors.As(whole.err, &broken) {
			t.Errorf("%v is of another kind", whole.err)
		}
		if !bytes.Equal(p, before) {
			t.Error("the test has changed its own input")
		}
	})
}

// What a client may send is read as gorilla/websocket reads it.
func FuzzValidFramesAreReadAsOthersReadThem(f *testing.F) {
	for seed := range uint64(20) {
		script := make([]byte, 80)
		random := rand.New(rand.NewPCG(seed, 2))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script, seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, script []byte, seed uint64, deflate bool) {
		c := client{script: script[:min(len(script), 500)], deflate: deflate}
		for len(c.script) > 0 && !c.closed {
			c.say(t)
		}
		if !c.closed {
			c.close()
		}
		if other := gorilla(t, deflate, c.sends.Bytes()); !other.equal(c.said) {
			t.Fatalf("gorilla reads %v\nwhere the client has said %v", other, c.said)
		}
		if got := read(t, deflate, c.sends.Bytes()); !got.equal(c.said) {
			t.Errorf("whole %v\nwhere the client has said %v", got, c.said)
		}
		if got := read(t, deflate, split(c.sends.Bytes(), rand.New(rand.NewPCG(seed, 0)))...); !got.equal(c.said) {
			t.Errorf("in pieces %v\nwhere the client has said %v", got, c.said)
		}
	})
}

// client says what the bytes of a script make it say, by the rules.
type client struct {
	script  []byte
	deflate bool
	sends   bytes.Buffer
	said    said
	closed  bool
}

// next takes a byte of the script; there are zeros after its end.
func (c *client) next() (b byte) {
	if len(c.script) > 0 {
		b, c.script = c.script[0], c.script[1:]
	}
	return b
}

// take takes up to n bytes.
func (c *client) take(n int) (p []byte) {
	n = min(n, len(c.script))
	p, c.script = c.script[:n], c.script[n:]
	return p
}

// say sends a message or a control frame.
func (c *client) say(t testing.TB) {
	switch b := c.next(); {
	case b < 16:
		c.close()
	case b < 80:
		c.control()
	default:
		c.message(t, b)
	}
}

func (c *client) control() {
	kind := ping + c.next()%2
	payload := c.take(int(c.next()) % 126)
	c.sends.Write(sent(fin|kind, payload))
	c.said.messages = append(c.said.messages, rfc6455.Message{Kind: rfc6455.Kind(kind), Data: payload})
}

func (c *client) close() {
	c.closed = true
	if c.next()%4 == 0 {
		c.sends.Write(sent(fin|bye, ""))
		c.said.messages = append(c.said.messages, closed(rfc6455.NoStatus, ""))
		return
	}
	code := 3000 + binary.BigEndian.Uint16([]byte{c.next(), c.next()})%2000
	reason := strings.ToValidUTF8(string(c.take(int(c.next())%124)), "")
	c.sends.Write(sent(fin|bye, closing(code, reason)))
	c.said.messages = append(c.said.messages, closed(code, reason))
}

// message sends a text or binary message in fragments, with control frames between them.
func (c *client) message(t testing.TB, b byte) {
	payload := bytes.Repeat(c.take(int(c.next())), 1+int(c.next())%100)
	kind := byte(data)
	if b%2 == 0 {
		kind, payload = text, bytes.ToValidUTF8(payload, []byte("€"))
	}
	payload = payload[:min(len(payload), limit)]
	if kind == text {
		payload = bytes.ToValidUTF8(payload, nil)
	}
	message, first := rfc6455.Message{Kind: rfc6455.Kind(kind), Data: payload}, kind
	if c.deflate && b%4 < 2 {
		if small := deflated(t, payload); len(small) <= limit {
			payload, first = small, rsv1|kind
		}
	}
	for range c.next() % 8 {
		n := min(int(c.next())*int(c.next()), len(payload))
		c.sends.Write(sent(first, payload[:n]))
		payload, first = payload[n:], more
		if c.next()%4 == 0 {
			c.control()
		}
	}
	c.sends.Write(sent(fin|first, payload))
	c.said.messages = append(c.said.messages, message)
}

// gorilla is what gorilla/websocket reads.
func gorilla(t testing.TB, deflate bool, p []byte) (s said) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
	} {
		request.Header.Set(name, value)
	}
	if deflate {
		request.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover")
	}
	upgrader := websocket.Upgrader{EnableCompression: true}
	ws, err := upgrader.Upgrade(hijacked{httptest.NewRecorder(), bytes.NewReader(p)}, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	control := func(kind rfc6455.Kind) func(string) error {
		return func(data string) error { s.messages = append(s.messages, one(kind, data)...); return nil }
	}
	ws.SetPingHandler(control(rfc6455.Ping))
	ws.SetPongHandler(control(rfc6455.Pong))
	ws.SetCloseHandler(func(code int, text string) error {
		s.messages = append(s.messages, closed(uint16(code), text))
		return nil
	})
	for {
		kind, message, err := ws.ReadMessage()
		if closed := new(websocket.CloseError); errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
			return s
		}
		if err != nil {
			s.err = err
			return s
		}
		s.messages = append(s.messages, rfc6455.Message{Kind: rfc6455.Kind(kind), Data: message})
	}
}

// hijacked is the connection of a handshake, from which bytes are read and to which nothing is sent.
type hijacked struct {
	*httptest.ResponseRecorder
	from io.Reader
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := memory{Reader: h.from}
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

type memory struct {
	net.Conn
	io.Reader
}

func (m memory) Read(p []byte) (int, error)       { return m.Reader.Read(p) }
func (memory) Write(p []byte) (int, error)        { return len(p), nil }
func (memory) Close() error                       { return nil }
func (memory) SetDeadline(time.Time) error        { return nil }
func (memory) SetReadDeadline(time.Time) error    { return nil }
func (memory) SetWriteDeadline(t time.Time) error { return nil }

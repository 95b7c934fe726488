package dialog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// said is a message as the api stores it.
func said(n int) string { return fmt.Sprintf(`{"n":%d,"catchup":false}`, n) }

// space is a namespace as the stock client sees it.
type space struct {
	name    string // as a packet names it: with a comma, the root not at all
	welcome ids
	answers int    // to its connect packets
	same    bool   // the last one said that the client is recovered
	offset  string // the last argument of the last event
	numbers []int  // of the messages
	missed  int    // times that it was told so
}

func rootAndStream() (root, stream *space) { return &space{}, &space{name: "/stream,"} }

// connect is the packet with which it connects.
func (s *space) connect() string {
	if s.welcome.PID == "" {
		return "40" + s.name
	}
	offset := ""
	if s.offset != "" {
		offset = fmt.Sprintf(`,"offset":%q`, s.offset)
	}
	return fmt.Sprintf(`40%s{"pid":%q%s}`, s.name, s.welcome.PID, offset)
}

// answered takes the answer to that, if it is one.
func (s *space) answered(t *testing.T, text string) bool {
	t.Helper()
	body, mine := strings.CutPrefix(text, "40"+s.name)
	if !mine || body[0] != '{' {
		return false
	}
	before := s.welcome
	if err := json.Unmarshal([]byte(body), &s.welcome); err != nil {
		t.Fatal(err)
	}
	s.answers, s.same = s.answers+1, s.welcome == before
	return true
}

// take takes what is of this namespace.
func (s *space) take(t *testing.T, text string) bool {
	t.Helper()
	if s.answered(t, text) {
		return true
	}
	body, mine := strings.CutPrefix(text, "42"+s.name+"[")
	if !mine {
		return false
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte("["+body), &args); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	switch string(args[0]) {
	case `"message"`:
		var list []struct{ N int }
		if err := json.Unmarshal(args[1], &list); err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			s.numbers = append(s.numbers, m.N)
		}
	case `"missed"`:
		s.missed++
	}
	if last := args[len(args)-1]; last[0] == '"' && len(args) > 1 {
		s.offset = strings.Trim(string(last), `"`)
	}
	return true
}

// read takes what comes next until something is so of each namespace.
func read(t *testing.T, next func() string, is func(*space) bool, spaces ...*space) {
	t.Helper()
	for slices.ContainsFunc(spaces, func(s *space) bool { return !is(s) }) {
		text := next()
		if !slices.ContainsFunc(spaces, func(s *space) bool { return s.take(t, text) }) {
			t.Fatalf("got %.200s", text)
		}
	}
}

// polled gives packet by packet what polls are answered with.
func polled(p *gatewaytest.Poller) func() string {
	var packets []string
	return func() string {
		if len(packets) == 0 {
			packets = strings.Split(p.Want("4"), "\x1e")
		}
		first := packets[0]
		packets = packets[1:]
		return first
	}
}

// has says of a namespace whether it has got a message.
func has(n int) func(*space) bool {
	return func(s *space) bool { return slices.Contains(s.numbers, n) }
}

// hear reads until each namespace has got a message.
func hear(t *testing.T, socket *gatewaytest.Socket, last int, spaces ...*space) {
	t.Helper()
	read(t, socket.Next, has(last), spaces...)
}

// hearOne reads until one namespace has got a message, whatever has come to the other then.
func hearOne(t *testing.T, socket *gatewaytest.Socket, last int, one, other *space) {
	t.Helper()
	read(t, socket.Next, func(s *space) bool { return s == other || has(last)(s) }, one, other)
}

// connects has namespaces connect, and reads until all are answered.
func connects(t *testing.T, socket *gatewaytest.Socket, spaces ...*space) {
	t.Helper()
	for _, s := range spaces {
		s.answers = 0
		socket.Send(s.connect())
	}
	read(t, socket.Next, func(s *space) bool { return s.answers == 1 }, spaces...)
}

// wantRecovered fails unless the client was recovered in each.
func wantRecovered(t *testing.T, spaces ...*space) {
	t.Helper()
	for _, s := range spaces {
		if !s.same {
			t.Errorf("the client is not recovered in %q: %+v", s.name, s.welcome)
		}
	}
}

// wantUpTo fails unless the messages from first to last came once each and in order.
func (s *space) wantUpTo(t *testing.T, first, last int) {
	t.Helper()
	want := make([]int, 0, last-first+1)
	for n := first; n <= last; n++ {
		want = append(want, n)
	}
	if !slices.Equal(s.numbers, want) {
		t.Errorf("in %q came %v, want %d to %d", s.name, s.numbers, first, last)
	}
}

// both connects two namespaces of a connection.
func both(t *testing.T, g *gatewaytest.Gateway, query string) (socket *gatewaytest.Socket, root, stream *space) {
	t.Helper()
	root, stream = rootAndStream()
	socket = g.Engine(query)
	connects(t, socket, stream, root)
	return socket, root, stream
}

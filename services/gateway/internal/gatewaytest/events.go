package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Events is a stream of Server-Sent Events of which a test reads each one, over a connection of its own.
type Events struct {
	net.Conn
	Header http.Header
	t      testing.TB
	body   *bufio.Reader
}

// Events opens /sse. headers are names and values by turns.
func (g *Gateway) Events(query string, headers ...string) *Events {
	g.t.Helper()
	e, answer := g.TryEvents(query, headers...)
	if answer.StatusCode != http.StatusOK {
		g.t.Fatalf("a stream was answered with %s", answer.Status)
	}
	if retry, err := e.body.ReadString('\n'); err != nil || !strings.HasPrefix(retry, "retry: ") {
		g.t.Fatalf("a stream begins with %q, %v", retry, err)
	}
	return e
}

// TryEvents is Events for a caller that expects it to fail.
func (g *Gateway) TryEvents(query string, headers ...string) (*Events, *http.Response) {
	g.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() }) //nolint:errcheck // the test is over
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		g.t.Fatal(err)
	}
	var request strings.Builder
	fmt.Fprintf(&request, "GET /sse?%s HTTP/1.1\r\nHost: test\r\n", query)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&request, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if _, err := io.WriteString(conn, request.String()+"\r\n"); err != nil {
		g.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return &Events{Conn: conn, Header: answer.Header, t: g.t, body: bufio.NewReader(answer.Body)}, answer
}

// Block reads up to the next empty line, and gives the lines before it that are no comments.
func (e *Events) Block() (string, error) {
	var lines []string
	for {
		line, err := e.body.ReadString('\n')
		switch {
		case err != nil:
			return strings.Join(lines, "\n"), err
		case line == "\n":
			return strings.Join(lines, "\n"), nil
		case line[0] != ':':
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
}

// Next gives the next event, as its lines; those that tell offsets alone are passed over.
func (e *Events) Next() string {
	e.t.Helper()
	for {
		block, err := e.Block()
		if err != nil {
			e.t.Fatalf("read: %v, after %q", err, block)
		}
		if !strings.Contains(block, "\nevent: offset\n") {
			return block
		}
	}
}

// Want fails unless the next event is this list, with this id, or without one if that is 0.
func (e *Events) Want(offset uint64, list string) {
	e.t.Helper()
	want := "event: message\ndata: " + list
	if offset > 0 {
		want = fmt.Sprintf("id: %d\n%s", offset, want)
	}
	if got := e.Next(); got != want {
		e.t.Fatalf("got %.300q, want %.300q", got, want)
	}
}

// WantClose passes over events up to the one that says why the stream ends, and fails unless it is this reason and the
// connection ends behind it.
func (e *Events) WantClose(reason string) {
	e.t.Helper()
	closing := "event: close\ndata: \"" + reason + `"`
	if reason == "replaced" || reason == "disconnected" { // which are final
		closing = "id: " + reason + "\n" + closing
	}
	for {
		switch got := e.Next(); got {
		case closing:
			if n, err := e.body.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
				e.t.Fatalf("%d bytes came after the close event, %v", n, err)
			}
			return
		default:
			if strings.Contains(got, "event: close\n") {
				e.t.Fatalf("got %q, want the reason %s", got, reason)
			}
		}
	}
}

// WantCut reads up to the end, and fails if a reason is given.
func (e *Events) WantCut() {
	e.t.Helper()
	for {
		block, err := e.Block()
		if strings.Contains(block, "event: close\n") {
			e.t.Fatalf("got %q", block)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
			return
		}
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

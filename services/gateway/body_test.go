package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
)

// dialServer serves a gateway as its program does, but for a body's time, and opens a connection to it.
func dialServer(t *testing.T, g *gatewaytest.Gateway, body time.Duration) net.Conn {
	t.Helper()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	server := serve.New(l, g.Service.Handler(), slog.New(slog.DiscardHandler))
	server.BodyTimeout, server.RestTimeout = body, body
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(gatewaytest.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// refusal reads an answer and the end of the connection behind it.
func refusal(t *testing.T, conn net.Conn) (status int, body string) {
	t.Helper()
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection goes on: %v", err)
	}
	return answer.StatusCode, string(text)
}

func TestHardeningABodyThatStallsHoldsNoConnection(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice")
	for head, want := range map[string]int{
		"POST " + g.Poller("").Path():                http.StatusBadRequest, // reads its body
		"POST " + gatewaytest.Polling + "&sid=guess": http.StatusBadRequest,
		"POST " + gatewaytest.Polling:                http.StatusBadRequest,
		"POST /ws?conn_id=c1":                        http.StatusMethodNotAllowed,
		"GET /sse?conn_id=x":                         http.StatusUnprocessableEntity,
		"GET /elsewhere":                             http.StatusNotFound,
	} {
		conn := dialServer(t, g, 200*time.Millisecond)
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4", head)
		if status, body := refusal(t, conn); status != want {
			t.Errorf("%s: %d %s", head, status, body)
		}
	}
}

func TestHardeningAClientThatPostsAllFirstReadsThatItIsTooMuch(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_FRAME=1KiB")
	conn := dialServer(t, g, 10*time.Second)
	const size = 8 << 20
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", g.Poller("").Path(), size, strings.Repeat("x", size)); err != nil {
		t.Fatalf("cut off while it was sending: %v", err)
	}
	if status, body := refusal(t, conn); status != http.StatusRequestEntityTooLarge || !strings.Contains(body, `"code":"too_large"`) {
		t.Errorf("answered with %d %s", status, body)
	}
}

func TestAPackedPostIsNotUnderstood(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.Poller("")
	answer := g.Request(http.MethodPost, p.Path(), "40/stream,", "Content-Encoding", "gzip")
	if answer.Status != http.StatusUnsupportedMediaType || !strings.Contains(answer.Body, `"code":"unsupported_encoding"`) {
		t.Errorf("answered with %d %s", answer.Status, answer.Body)
	}
	p.Send("40/stream,") // the session goes on
}

// The server ends a body when it waits for too many, and says with what to answer. The session goes on.
func TestAPostThatTheServerEndedIsAnsweredWithItsFault(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	p := g.Poller("")
	ended := iotest.ErrReader(&contract.Fault{Code: contract.CodeTooMany, Message: "Too many."})
	w := httptest.NewRecorder()
	g.Service.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, p.Path(), ended))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"code":"too_many"`) {
		t.Errorf("answered with %d %v %s", w.Code, w.Header(), w.Body)
	}
	p.Send("40/stream,")
}

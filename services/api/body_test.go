package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/signature"
)

// serve runs the service as its program does, but for a body's time, and opens a connection to it.
func (s *system) serve(body time.Duration) net.Conn {
	s.t.Helper()
	l, err := serve.Listen("127.0.0.1", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	server := serve.New(l, s.service.Handler(), slog.New(slog.DiscardHandler))
	server.BodyTimeout, server.RestTimeout = body, body
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("serve: %v", err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// refusal reads the fault that comes, and the end of the connection behind it.
func (s *system) refusal(conn net.Conn) (status int, fault contract.Fault) {
	s.t.Helper()
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	if err := json.NewDecoder(answer.Body).Decode(&fault); err != nil {
		s.t.Errorf("%s without a fault: %v", answer.Status, err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil && !strings.Contains(err.Error(), "reset") {
		s.t.Errorf("the connection goes on: %v", err)
	}
	return answer.StatusCode, fault
}

func TestABodyThatStallsHoldsNoConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	good := signature.Sign(secret, "/message", time.Now())
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"signed":          {"POST /message HTTP/1.1\r\nx-channelstream-secret: " + good, http.StatusBadRequest},
		"unsigned":        {"POST /message HTTP/1.1\r\nx-none: none", http.StatusForbidden},
		"wrongly signed":  {"POST /message HTTP/1.1\r\nx-channelstream-secret: bad", http.StatusUnauthorized},
		"a wrong method":  {"PUT /message HTTP/1.1\r\nx-channelstream-secret: " + good, http.StatusMethodNotAllowed},
		"an unknown path": {"POST /nope HTTP/1.1\r\nx-none: none", http.StatusNotFound},
	} {
		for _, length := range []string{"Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n40\r\n{"} {
			conn := s.serve(200 * time.Millisecond)
			fmt.Fprintf(conn, "%s\r\nHost: x\r\n%s", c.head, length)
			if status, fault := s.refusal(conn); status != c.status {
				t.Errorf("%s: %d %v", name, status, fault)
			}
		}
	}
}

func TestAClientThatSendsAllFirstReadsThatItIsTooMuch(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_MAX_BODY=2KiB", "CHANNELSTREAM_MAX_MESSAGE=1KiB")
	const size = 8 << 20
	good := signature.Sign(secret, "/message", time.Now())
	large := strings.Repeat("x", size)
	for _, body := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, large),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, large),
	} {
		conn := s.serve(10 * time.Second)
		if _, err := fmt.Fprintf(conn, "POST /message HTTP/1.1\r\nHost: x\r\nx-channelstream-secret: %s\r\n%s", good, body); err != nil {
			t.Fatalf("%.40q: cut off while it was sending: %v", body, err)
		}
		if status, fault := s.refusal(conn); status != http.StatusRequestEntityTooLarge || fault.Code != contract.CodeTooLarge {
			t.Errorf("%.40q: %d %v", body, status, fault)
		}
	}
}

func TestAPackedBodyIsNotUnderstood(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := signed(http.MethodPost, "/message", `{"user":"a","channel":"c"}`)
	r.Header.Set("Content-Encoding", "gzip")
	w := s.do(r)
	if fault := s.fault(w, http.StatusUnsupportedMediaType); fault.Code != contract.CodeEncoding || w.Header().Get("Accept-Encoding") != "identity" {
		t.Errorf("%v, %v", fault, w.Header())
	}
	r = signed(http.MethodPost, "/message", `{"user":"a","channel":"c"}`)
	r.Header.Set("Content-Encoding", "identity")
	s.want(s.do(r), http.StatusOK)
	r = signed(http.MethodGet, "/info", "") // without a body there is nothing to understand
	r.Header.Set("Content-Encoding", "gzip")
	s.want(s.do(r), http.StatusOK)
}

// The server ends a body when it waits for too many, and says with what to answer.
func TestABodyThatTheServerEndedIsAnsweredWithItsFault(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := signed(http.MethodPost, "/message", "{")
	r.Body = io.NopCloser(iotest.ErrReader(&contract.Fault{Code: contract.CodeTooMany, Message: "Too many."}))
	w := s.do(r)
	if fault := s.fault(w, http.StatusTooManyRequests); fault.Code != contract.CodeTooMany || w.Header().Get("Retry-After") == "" {
		t.Errorf("%v, %v", fault, w.Header())
	}
}

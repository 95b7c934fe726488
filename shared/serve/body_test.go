package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/serve"
)

// pipes is a listener of connections in memory, which live by the clock of a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.done) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble serves a handler in a bubble and gives a connection to it.
func bubble(t *testing.T, h http.Handler, story func(t *testing.T, client net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- serve.New(l, h, quiet).Run(ctx) }()
		client, server := net.Pipe()
		l.conns <- server
		story(t, client)
		_ = client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// say sends a part of a request.
func say(t *testing.T, client net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(client, text); err != nil {
		t.Error(err)
	}
}

// hear reads an answer, and gives how long it took to come and how long the connection lived.
func hear(t *testing.T, client net.Conn) (status int, answered, ended time.Duration) {
	t.Helper()
	began := time.Now()
	reader := bufio.NewReader(client)
	answer, err := http.ReadResponse(reader, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		status, answered = answer.StatusCode, time.Since(began)
	}
	if err != nil {
		t.Error(err)
		return 0, 0, 0
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Error(err)
	}
	return status, answered, time.Since(began)
}

// refuse answers without a look at the body.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "2")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, "no")
}

// whole answers when it has read the body, or could not.
func whole(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func TestABodyThatStallsIsEnded(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing of it": "Content-Length: 10\r\n\r\n", "one byte": "Content-Length: 10\r\n\r\n{", "of a size not told": "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
		"of a large one": "Content-Length: 10000000\r\n\r\n{",
	} {
		t.Run(name+", read", func(t *testing.T) {
			t.Parallel()
			bubble(t, http.HandlerFunc(whole), func(t *testing.T, client net.Conn) {
				say(t, client, "POST / HTTP/1.1\r\nHost: x\r\n"+body)
				if status, _, ended := hear(t, client); status != http.StatusBadRequest || ended > time.Minute {
					t.Errorf("answered with %d, ended after %v", status, ended)
				}
			})
		})
		t.Run(name+", not read", func(t *testing.T) {
			t.Parallel()
			bubble(t, http.HandlerFunc(refuse), func(t *testing.T, client net.Conn) {
				say(t, client, "POST / HTTP/1.1\r\nHost: x\r\n"+body)
				if status, answered, ended := hear(t, client); status != http.StatusForbidden || answered > time.Second || ended > 10*time.Second {
					t.Errorf("answered with %d after %v, ended after %v", status, answered, ended)
				}
			})
		})
	}
}

func TestHeadersThatStallAreEnded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"none": "", "some": "GET / HTTP/1.1\r\nHost: x\r\nX-Slow"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, http.NotFoundHandler(), func(t *testing.T, client net.Conn) {
				began := time.Now()
				if text != "" {
					say(t, client, text)
				}
				if _, err := io.Copy(io.Discard, client); err != nil || time.Since(began) > time.Minute {
					t.Errorf("ended after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestAnIdleConnectionIsEnded(t *testing.T) {
	t.Parallel()
	bubble(t, http.HandlerFunc(whole), func(t *testing.T, client net.Conn) {
		say(t, client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		if status, answered, ended := hear(t, client); status != http.StatusOK || answered > time.Second || ended < time.Minute || ended > 5*time.Minute {
			t.Errorf("answered with %d after %v, ended after %v", status, answered, ended)
		}
	})
}

// The deadline of a body is not that of the answer: a handler that has read it may take its time.
func TestAWholeBodyBoundsNoAnswer(t *testing.T) {
	t.Parallel()
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole(w, r)
		select {
		case <-time.After(time.Hour):
		case <-r.Context().Done():
			t.Error("the request was given up")
		}
	})
	bubble(t, slow, func(t *testing.T, client net.Conn) {
		reader := bufio.NewReader(client)
		for range 2 { // the connection goes on
			say(t, client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
			answer, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.Close {
				t.Errorf("%v, closes: %v", err, answer.Close)
			}
		}
	})
}

func TestAConnectionThatWasGivenAwayIsLeftAlone(t *testing.T) {
	t.Parallel()
	given := make(chan net.Conn, 1)
	take := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		given <- conn
	})
	bubble(t, take, func(t *testing.T, client net.Conn) {
		say(t, client, "GET /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
		conn := <-given
		defer conn.Close() //nolint:errcheck // the test is over
		time.Sleep(time.Hour)
		go say(t, client, "hello")
		heard := make([]byte, 5)
		if _, err := io.ReadFull(conn, heard); err != nil || string(heard) != "hello" {
			t.Errorf("read %q, %v", heard, err)
		}
	})
}

// A drop now and then does not hold a connection for ever.
func TestARefusedBodyThatTricklesIsEnded(t *testing.T) {
	t.Parallel()
	bubble(t, http.HandlerFunc(refuse), func(t *testing.T, client net.Conn) {
		say(t, client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n")
		var trickle sync.WaitGroup
		defer trickle.Wait() // ends with the connection
		trickle.Go(func() {
			for {
				if _, err := io.WriteString(client, "x"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		if status, answered, ended := hear(t, client); status != http.StatusForbidden || answered > time.Second || ended > time.Minute {
			t.Errorf("answered with %d after %v, ended after %v", status, answered, ended)
		}
	})
}

// A client that asked whether to send is told no, and need not send to hear it.
func TestAClientThatAskedBeforeItSentIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	bubble(t, http.HandlerFunc(refuse), func(t *testing.T, client net.Conn) {
		say(t, client, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
		if status, _, ended := hear(t, client); status != http.StatusForbidden || ended > time.Second {
			t.Errorf("answered with %d, ended after %v", status, ended)
		}
	})
}

// dial opens a connection to a server that refuses everything.
func dial(t *testing.T) net.Conn {
	t.Helper()
	url, _, _ := start(t, http.HandlerFunc(refuse), 10*time.Second)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestAClientThatSendsAllFirstReadsItsRefusal(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	chunk := strings.Repeat("x", 64<<10)
	for name, format := range map[string][3]string{
		"of a known size":    {fmt.Sprintf("Content-Length: %d\r\n\r\n", size), "%s", ""},
		"of a size not told": {"Transfer-Encoding: chunked\r\n\r\n", "10000\r\n%s\r\n", "0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t)
			say(t, conn, "POST / HTTP/1.1\r\nHost: x\r\n"+format[0])
			for range size / len(chunk) {
				if _, err := fmt.Fprintf(conn, format[1], chunk); err != nil {
					t.Fatalf("cut off while it was sending: %v", err)
				}
			}
			say(t, conn, format[2])
			if status, _, _ := hear(t, conn); status != http.StatusForbidden {
				t.Errorf("answered with %d", status)
			}
		})
	}
}

func TestARefusedClientThatNeverEndsIsCutOff(t *testing.T) {
	t.Parallel()
	conn := dial(t)
	say(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := "100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
	for range 1 << 10 {
		if _, err := io.WriteString(conn, chunk); err != nil {
			return
		}
	}
	t.Error("a gibibyte was taken")
}

// Package sse holds sessions of Server-Sent Events: the answer to a request, which has no end.
//
//	client                                   gateway
//	  │ GET /sse?conn_id=…  Last-Event-ID: 12  │  the connection is attached first: a refusal is a plain HTTP answer,
//	  │                                        │  or a close event where the client has to know that it is for good
//	  │ ◄── 200 text/event-stream  retry: 2345 │  request, buffers and goroutine are let go; the shard takes over
//	  │ ◄── id: 17  event: message  data: […]  │  written by the shard
//	  │ ◄── id: 21                             │  how far it has come, when no message says so
//	  │ ◄── :                                  │  a heartbeat, answered by the client's kernel
//	  │ ◄── id: replaced  event: close         │  data: "replaced"; the reason is one of contract's closed set, and the
//	  │                                        │  id of an end that is final
//	  │ ◄── end of the connection              │  an EventSource comes back by itself, with the last id
//	  │ GET /sse  Last-Event-ID: replaced      │
//	  │ ◄── 204                                │  an EventSource does not come back
//
// Source: WHATWG HTML, section "Server-sent events". The answer's end is that of the connection (RFC 9112 section 6.3,
// last item), so nothing need be written around the events.
package sse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
)

// closeWait is how long the client has to take the head of the answer, and to close when it has got the last event.
const closeWait = 2 * time.Second

// A client comes back after its retry time. Those that one gateway sends away get different ones, so as not to come back
// at the same moment.
const (
	leastRetry = 1000 // milliseconds
	mostRetry  = 3000
)

// Config says how streams are opened.
type Config struct {
	Limits  socket.Limits
	Silence time.Duration // of the client's host, after which the client counts as dead
}

// Open answers a request with a stream that never ends by itself. On an error that is http.ErrNotSupported nothing has
// been answered; otherwise the client is gone.
func Open(w http.ResponseWriter, c *Config) (*Outlet, error) {
	head := answer(w.Header())
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("open a stream of events: %w", err)
	}
	if err := begin(conn, head, c.Silence); err != nil {
		conn.Close() //nolint:errcheck // it was never used
		return nil, fmt.Errorf("open a stream of events: %w", err)
	}
	return &Outlet{
		Stream: socket.NewStream(conn, &c.Limits), slack: slack - buffers.Reader.Buffered(),
	}, nil
}

// answer is all of the answer up to the first event, with what the router has put into its header.
func answer(h http.Header) []byte {
	Describe(h)
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	h.Write(&b) //nolint:errcheck // memory takes everything
	b.WriteString("\r\n")
	b.Write(Retry())
	return b.Bytes()
}

// Describe says in the header of an answer that it is a stream of events, which nobody on the way is to keep.
func Describe(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx passes it on at once
}

// Retry is the line that says after which time the client is to come back when it loses its connection. No empty line follows: it
// belongs to the first event, since by itself it would be an empty event to some clients.
func Retry() []byte {
	return fmt.Appendf(nil, "retry: %d\n", leastRetry+rand.IntN(mostRetry-leastRetry)) //nolint:gosec // to spread, not to hide
}

func begin(conn net.Conn, head []byte, silence time.Duration) error {
	handle, err := socket.HandleOf(conn)
	if err != nil {
		return err
	}
	if err := handle.GiveUpAfter(silence); err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(closeWait)); err != nil {
		return err
	}
	_, err = conn.Write(head)
	return err
}

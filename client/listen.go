package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/tmaxmax/go-sse"
)

const (
	// maxSilence is how long a stream may bring nothing before it counts as dead. The gateway's heartbeats come every 25
	// seconds unless it is told otherwise.
	maxSilence = 90 * time.Second
	// firstPause is the mean time before a stream that was lost is opened again. It doubles up to longestPause.
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// ErrClosed is returned when the server has ended a connection for good: another client has opened it, or Disconnect was
// called for it. The error names the reason.
var ErrClosed = errors.New("connection closed")

// Listen is what Client.Listen hears, and for whom.
type Listen struct {
	// ConnID is the connection, which Connect has registered.
	ConnID string
	// Since is where an earlier Listen stopped. Empty for a connection that nobody has opened before: what was posted since
	// Connect comes first.
	Since string
	// Heard gets one object after the other, in order. Its error ends Listen.
	Heard func(Received) error
	// Opened, if set, is called each time that a stream has begun.
	Opened func()
	// Lost, if set, is told why there is no stream, and after which time it is opened again.
	Lost func(cause error, pause time.Duration)
}

// Received is an object that clients get.
type Received struct {
	// Type is message, message:edit, message:delete, presence, user_state_change or missed. Others may come.
	Type string `json:"type"`
	// UUID is the name of the message, or of the one that was edited or taken back.
	UUID string `json:"uuid"`
	// User is the name of the one who posted.
	User string `json:"user"`
	// Channel is where it went; empty for a private message without a channel.
	Channel string `json:"channel"`
	// Message is the content as JSON.
	Message json.RawMessage `json:"message"`
	// Timestamp is ISO 8601, in UTC unless the one who posted named a zone.
	Timestamp string `json:"timestamp"`
	// Catchup says that it was posted before the stream was open.
	Catchup bool `json:"catchup"`
	// Raw is all of the object.
	Raw json.RawMessage `json:"-"`
}

// Listen opens the stream of a connection, as its client does (/sse), until ctx ends. A stream that is lost is opened again,
// at any gateway, and goes on where it stopped: each object is heard once and in order. When that is not possible an
// object of type missed says so.
//
// It returns where it stopped, for Listen.Since, and why: the error of ctx or of Heard, ErrClosed, or an *Error, whose
// status is 422 for a connection that is not known or was forgotten. Connect makes a new one, which may go on at the same place.
func (c *Client) Listen(ctx context.Context, in Listen) (stopped string, err error) {
	l := &listener{client: c, Listen: in, http: *c.http}
	l.http.Timeout = 0 // a stream has no end
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		before := l.Since
		err := l.visit(ctx)
		var fault *Error
		switch {
		case ctx.Err() != nil:
			return l.Since, fmt.Errorf("listen: %w", context.Cause(ctx))
		case l.over, errors.As(err, &fault) && !fault.temporary():
			return l.Since, fmt.Errorf("listen: %w", err)
		}
		if l.Since != before {
			pause = firstPause
		}
		if err := l.rest(ctx, err, pause); err != nil {
			return l.Since, fmt.Errorf("listen: %w", err)
		}
	}
}

// temporary says whether the same request may be answered otherwise in a while.
func (e *Error) temporary() bool {
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// listener is one call of Listen. Its goroutine owns it.
type listener struct {
	// Set at construction, but for Since, which is how far it has come.
	Listen
	client *Client
	http   http.Client

	over bool // the error of visit is the end
}

// rest waits before the stream is opened again.
func (l *listener) rest(ctx context.Context, cause error, pause time.Duration) error {
	pause = pause/2 + rand.N(pause) //nolint:gosec // to spread, not to hide
	var fault *Error
	if errors.As(cause, &fault) {
		pause = max(pause, fault.RetryAfter)
	}
	if l.Lost != nil {
		l.Lost(cause, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// visit opens the stream once and hears it to its end.
func (l *listener) visit(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	query := url.Values{"conn_id": {l.ConnID}}
	if l.Since != "" {
		query.Set("since", l.Since)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.client.base+"/sse?"+query.Encode(), nil)
	if err != nil {
		l.over = true
		return err
	}
	silence := time.AfterFunc(maxSilence, func() { cancel(fmt.Errorf("nothing came for %v", maxSilence)) })
	defer silence.Stop()
	response, err := l.http.Do(request)
	if err != nil {
		return quiet(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if err := l.refused(response); err != nil {
		return err
	}
	err = l.read(&heartbeats{response.Body, silence})
	if cause := context.Cause(ctx); cause != nil && !l.over {
		return cause
	}
	return err
}

// refused says why an answer is no stream.
func (l *listener) refused(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		answer, err := readAll(response.Body)
		if err != nil {
			return fmt.Errorf("read answer of /sse: %w", err)
		}
		return newError(response, answer)
	}
	kind := response.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "text/event-stream" {
		l.over = true
		return fmt.Errorf("answer of /sse is no stream of events but %q", kind)
	}
	return nil
}

// quiet leaves out the URL of a request that failed: who has its conn_id could open the connection.
func quiet(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}

// heartbeats is a stream that is alive as long as something comes.
type heartbeats struct {
	io.Reader
	silence *time.Timer
}

func (h *heartbeats) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.silence.Reset(maxSilence)
	return n, err
}

// read hears events up to the end of the stream, which is always an error.
func (l *listener) read(stream io.Reader) error {
	begun := false
	for event, err := range sse.Read(stream, &sse.ReadConfig{MaxEventSize: maxAnswer}) {
		if err != nil {
			return err
		}
		if event.Type == "close" {
			return l.closed(event.Data)
		}
		if begun = begun || l.begin(); event.Type == "message" || event.Type == "" {
			if err := l.hear(event.Data); err != nil {
				l.over = true
				return err
			}
		}
		if event.LastEventID != "" {
			l.Since = event.LastEventID
		}
	}
	return io.ErrUnexpectedEOF
}

// begin says that a stream has begun. Before its first event a gateway that can not have the client may still end it.
func (l *listener) begin() bool {
	if l.Opened != nil {
		l.Opened()
	}
	return true
}

// closed is the end that the server has given a reason for. Only these two are for good.
func (l *listener) closed(data string) error {
	var reason string
	if err := json.Unmarshal([]byte(data), &reason); err != nil {
		return fmt.Errorf("decode the reason of a close: %w", err)
	}
	l.over = reason == "replaced" || reason == "disconnected"
	return fmt.Errorf("%w: %s", ErrClosed, reason)
}

func (l *listener) hear(data string) error {
	if data == "" {
		return nil // an event that only says how far the stream has come
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(data), &list); err != nil {
		return fmt.Errorf("decode messages: %w", err)
	}
	for _, raw := range list {
		heard := Received{Raw: raw}
		if err := json.Unmarshal(raw, &heard); err != nil {
			return fmt.Errorf("decode a message: %w", err)
		}
		if err := l.Heard(heard); err != nil {
			return err
		}
	}
	return nil
}

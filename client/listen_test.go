package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/client"
)

// gateway answers with these streams, one for each visit, and notes with which offset each came.
type gateway struct {
	t      *testing.T
	visits []http.HandlerFunc
	since  []string
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/sse" || r.URL.Query().Get("conn_id") != "c 1" || strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		g.t.Errorf("it was asked for %s, and accepts %q", r.URL, r.Header.Get("Accept"))
	}
	g.since = append(g.since, r.URL.Query().Get("since"))
	if len(g.visits) == 0 {
		g.t.Errorf("it came with %q", g.since)
		return nil, errors.New("it came too often")
	}
	answer := httptest.NewRecorder()
	g.visits[0](answer, r)
	g.visits = g.visits[1:]
	return answer.Result(), nil
}

// visiting runs a test without waiting for pauses, with a client that has such a gateway.
func visiting(t *testing.T, test func(t *testing.T, c *client.Client, g *gateway), visits ...http.HandlerFunc) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{t: t, visits: visits}
		test(t, clientOver(t, g), g)
	})
}

// clientOver is a client with a network of its own, and a timeout that would be too short for a stream.
func clientOver(t *testing.T, network http.RoundTripper) *client.Client {
	t.Helper()
	c, err := client.New("http://gateway", secret, client.WithHTTPClient(&http.Client{Transport: network, Timeout: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stream is a visit that brings something and ends.
func stream(events string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, events) //nolint:errcheck // a recorder takes everything
	}
}

// status is a visit that is refused.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

const kicked = "id: disconnected\nevent: close\ndata: \"disconnected\"\n\n"

// heard is what a Listen was told.
type heard struct {
	uuids  []string
	opened int
	lost   []error
}

func (h *heard) listen(since string) client.Listen {
	return client.Listen{
		ConnID: "c 1", Since: since,
		Heard:  func(m client.Received) error { h.uuids = append(h.uuids, m.UUID); return nil },
		Opened: func() { h.opened++ },
		Lost:   func(cause error, _ time.Duration) { h.lost = append(h.lost, cause) },
	}
}

func TestListenHearsOneObjectAfterTheOther(t *testing.T) {
	t.Parallel()
	visiting(t, func(t *testing.T, c *client.Client, g *gateway) {
		var all []client.Received
		stopped, err := c.Listen(t.Context(), client.Listen{ConnID: "c 1", Since: "3", Heard: func(m client.Received) error { all = append(all, m); return nil }})
		if stopped != "7" || !errors.Is(err, client.ErrClosed) || !strings.HasSuffix(err.Error(), "disconnected") || !slices.Equal(g.since, []string{"3"}) {
			t.Errorf("it came with %q, stopped at %q: %v", g.since, stopped, err)
		}
		if len(all) != 2 || all[1].Type != "message:edit" || all[1].UUID != "u1" {
			t.Fatalf("it heard %+v", all)
		}
		if m := all[0]; m.User != "alice" || m.Channel != "news" || string(m.Message) != `{"text":"hi"}` || !m.Catchup ||
			m.Timestamp != "2026-01-02T03:04:05.000000" || !strings.HasSuffix(string(m.Raw), `"own":1}`) {
			t.Errorf("it heard %+v", m)
		}
	}, stream("retry: 1000\nid: 5\nevent: offset\ndata: 5\n\n:\nid: 7\nevent: message\n"+
		`data: [{"uuid":"u1","type":"message","user":"alice","channel":"news","message":{"text":"hi"},"timestamp":"2026-01-02T03:04:05.000000","catchup":true,"own":1},`+
		`{"uuid":"u1","type":"message:edit","message":null}]`+"\n\n"+kicked))
}

func TestListenGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	visiting(t, func(t *testing.T, c *client.Client, g *gateway) {
		var h heard
		stopped, err := c.Listen(t.Context(), h.listen(""))
		if stopped != "8" || !errors.Is(err, client.ErrClosed) {
			t.Errorf("it stopped at %q: %v", stopped, err)
		}
		if !slices.Equal(g.since, []string{"", "7", "7", "7", "8"}) || !slices.Equal(h.uuids, []string{"u1", "u2"}) || h.opened != 2 || len(h.lost) != 4 {
			t.Errorf("it came with %q and was told %+v", g.since, h)
		}
	},
		stream("id: 7\nevent: message\ndata: [{\"uuid\":\"u1\"}]\n\nid: 8\nevent: message\ndata: [{\"uuid\":\"u2\"}]"), // cut off in the second
		status(http.StatusBadGateway),
		stream("event: close\ndata: \"unavailable\"\n\n"),
		stream("id: 8\nevent: message\ndata: [{\"uuid\":\"u2\"}]\n\nevent: close\ndata: \"draining\"\n\n"),
		stream(kicked),
	)
}

// A server that is gone is not asked more and more often, and one that says when to come back is not asked before.
func TestListenPausesLongerAndLonger(t *testing.T) {
	t.Parallel()
	busy := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "60")
		status(http.StatusServiceUnavailable)(w, r)
	}
	bad := status(http.StatusBadGateway)
	visiting(t, func(t *testing.T, c *client.Client, _ *gateway) {
		var pauses []time.Duration
		_, err := c.Listen(t.Context(), client.Listen{ConnID: "c 1", Lost: func(_ error, pause time.Duration) { pauses = append(pauses, pause) }})
		if !errors.Is(err, client.ErrClosed) || len(pauses) != 7 {
			t.Fatalf("after the pauses %v: %v", pauses, err)
		}
		for i, mean := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second} {
			if pauses[i] < mean/2 || pauses[i] >= 3*mean/2 {
				t.Errorf("pause %d is %v", i, pauses[i])
			}
		}
		if pauses[6] != time.Minute {
			t.Errorf("it waited %v for a server that asked for a minute", pauses[6])
		}
	}, bad, bad, bad, bad, bad, bad, busy, stream(kicked))
}

func TestListenEndsWhereItIsRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusNoContent, http.StatusFound, http.StatusNotFound, http.StatusUnprocessableEntity} {
		visiting(t, func(t *testing.T, c *client.Client, _ *gateway) {
			var h heard
			stopped, err := c.Listen(t.Context(), h.listen("3"))
			var fault *client.Error
			if !errors.As(err, &fault) || fault.Status != code || stopped != "3" || h.opened > 0 {
				t.Errorf("%d: it stopped at %q: %v", code, stopped, err)
			}
		}, status(code))
	}
}

func TestListenEndsWhereThereIsNoStream(t *testing.T) {
	t.Parallel()
	visiting(t, func(t *testing.T, c *client.Client, _ *gateway) {
		var h heard
		if _, err := c.Listen(t.Context(), h.listen("")); err == nil || !strings.Contains(err.Error(), "text/html") || len(h.lost) > 0 {
			t.Errorf("it ended with %v, having lost %v", err, h.lost)
		}
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<html>") //nolint:errcheck // a recorder takes everything
	})
}

func TestListenEndsWithTheErrorOfWhoHears(t *testing.T) {
	t.Parallel()
	visiting(t, func(t *testing.T, c *client.Client, _ *gateway) {
		full, times := errors.New("full"), 0
		stopped, err := c.Listen(t.Context(), client.Listen{ConnID: "c 1", Since: "3", Heard: func(client.Received) error { times++; return full }})
		if stopped != "3" || !errors.Is(err, full) || times != 1 {
			t.Errorf("it stopped at %q after %d objects: %v", stopped, times, err)
		}
	}, stream("id: 7\nevent: message\ndata: [{},{}]\n\n"))
}

// Whoever has its id could open the connection, and errors are shown and logged.
func TestListenKeepsTheConnectionsIDToItself(t *testing.T) {
	t.Parallel()
	c, err := client.New("http://127.0.0.1:1", secret)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.Listen(ctx, client.Listen{ConnID: "the-id", Lost: func(cause error, _ time.Duration) {
		if strings.Contains(cause.Error(), "the-id") {
			t.Errorf("it lost the stream to %v", cause)
		}
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "the-id") {
		t.Errorf("err = %v", err)
	}
}

// lasting is a network that brings one stream: these parts, each after its pause, and then nothing more.
type lasting []struct {
	pause time.Duration
	part  string
}

func (l lasting) RoundTrip(r *http.Request) (*http.Response, error) {
	body, from := io.Pipe()
	go func() { // ends with the request
		for _, p := range l {
			time.Sleep(p.pause)
			io.WriteString(from, p.part) //nolint:errcheck // nobody reads when the request has ended
		}
		<-r.Context().Done()
		from.CloseWithError(r.Context().Err()) //nolint:errcheck // is always nil
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body, Request: r}, nil
}

func TestAStreamWithoutHeartbeatsIsOpenedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clientOver(t, lasting{{25 * time.Second, ":\n"}, {60 * time.Second, ":\n"}})
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		_, err := c.Listen(ctx, client.Listen{ConnID: "c 1", Lost: func(cause error, _ time.Duration) {
			if after := time.Since(began); after != 175*time.Second || !strings.Contains(cause.Error(), "nothing came for 1m30s") {
				t.Errorf("after %v it was lost: %v", after, cause)
			}
			cancel()
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestListenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clientOver(t, lasting{{0, "id: 7\nevent: offset\ndata: 7\n\n"}})
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		time.AfterFunc(time.Minute, func() { cancel(enough) })
		if stopped, err := c.Listen(ctx, client.Listen{ConnID: "c 1"}); stopped != "7" || !errors.Is(err, enough) {
			t.Errorf("it stopped at %q: %v", stopped, err)
		}
	})
}

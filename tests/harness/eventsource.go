package harness

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/described"
)

// EventSource is a client of Server-Sent Events as a browser is (WHATWG HTML, section "Server-sent events"): it comes back by
// itself when a stream ends and when nobody answers, and gives up for good at any status but 200 and at any other type.
type EventSource struct {
	// set at construction
	t       testing.TB
	witness *described.Witness
	url     string
	http    *http.Client

	retry time.Duration // owned by its goroutine

	mu    sync.Mutex
	id    string          // up to which it has everything; empty: it was told none; guarded by mu
	asked int             // how often it got an answer, or none; guarded by mu
	texts []string        // of messages; guarded by mu
	seen  map[string]bool // their uuids; guarded by mu
	over  string          // why it gave up; guarded by mu
}

// OpenEventSource opens the stream of a connection at a URL, until the end of the test.
func OpenEventSource(t testing.TB, at, connID string) *EventSource {
	t.Helper()
	s := &EventSource{
		t: t, witness: described.Watch(t), url: at + "/sse?conn_id=" + connID, retry: 3 * time.Second, seen: map[string]bool{},
	}
	s.http = &http.Client{Transport: s.witness.Over("", &http.Transport{DisableKeepAlives: true})}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

func (s *EventSource) run(ctx context.Context) {
	for ctx.Err() == nil {
		if why := s.visit(ctx); why != "" {
			s.mu.Lock()
			s.over = why
			s.mu.Unlock()
			return
		}
		select {
		case <-time.After(s.retry):
		case <-ctx.Done():
		}
	}
}

// visit asks once and reads to the end; it gives why it must not come back, if so.
func (s *EventSource) visit(ctx context.Context) (over string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Accept", "text/event-stream")
	id := s.lastID()
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	response, err := s.http.Do(request)
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	if err != nil {
		return "" // a network error
	}
	defer response.Body.Close() //nolint:errcheck // read only
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		body, _ := io.ReadAll(response.Body)
		return fmt.Sprintf("%s, %s: %s", response.Status, kind, body)
	}
	s.read(response.Body, id)
	return ""
}

func (s *EventSource) lastID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// read takes events up to the end of the stream.
func (s *EventSource) read(body io.Reader, id string) {
	event, data := "", []string(nil)
	for lines := bufio.NewScanner(body); lines.Scan(); {
		if lines.Text() == "" {
			s.mu.Lock()
			s.id = id
			s.mu.Unlock()
			if len(data) > 0 {
				s.witness.StreamEvent(cmp.Or(event, "message"), strings.Join(data, "\n"))
			}
			if len(data) > 0 && (event == "" || event == "message") {
				s.hear(strings.Join(data, "\n"))
			}
			event, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event = value
		case "data":
			data = append(data, value)
		case "id":
			id = value
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

func (s *EventSource) hear(data string) {
	var list []Message
	if err := json.Unmarshal([]byte(data), &list); err != nil {
		s.t.Errorf("an event is no list of messages: %v: %.200s", err, data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range list {
		if m.Type != "message" {
			s.t.Errorf("an EventSource was told %.200s", data)
		}
		if m.UUID != "" && s.seen[m.UUID] {
			s.t.Errorf("an EventSource got %q twice", m.Text())
		}
		s.seen[m.UUID] = true
		s.texts = append(s.texts, m.Text())
	}
}

// AwaitAsked waits until it has asked for a stream some times more.
func (s *EventSource) AwaitAsked(more int) {
	s.t.Helper()
	s.mu.Lock()
	want := s.asked + more
	s.mu.Unlock()
	s.await(fmt.Sprintf("an EventSource has come back %d times", more), func() bool { return s.asked >= want })
}

// AwaitOpen waits until it was told an id: what is only asked to come back is told none.
func (s *EventSource) AwaitOpen() {
	s.t.Helper()
	s.await("an EventSource is told where it is", func() bool { return s.id != "" })
}

// Await waits until a message says this and gives what all have said.
func (s *EventSource) Await(text string) (texts []string) {
	s.t.Helper()
	s.await("an EventSource hears "+strconv.Quote(text), func() bool {
		texts = append([]string(nil), s.texts...)
		return len(texts) > 0 && texts[len(texts)-1] == text
	})
	return texts
}

// await waits for a condition, which is asked under mu, and fails at once when it gave up.
func (s *EventSource) await(what string, condition func() bool) {
	s.t.Helper()
	Eventually(s.t, what, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.over != "" {
			s.t.Fatalf("waiting until %s: it gave up for good at %s", what, s.over)
		}
		return condition()
	})
}

package described

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Witness has a test fail for what it sees that is not as described. It is safe for use by many goroutines.
type Witness struct {
	// OtherLimits is set before use for a server whose limits were changed: then it is not judged what it takes.
	OtherLimits bool

	t         testing.TB
	documents Documents

	mu   sync.Mutex
	over bool // the test can not be told any more; guarded by mu
}

// Watch makes the witness of a test.
func Watch(t testing.TB) *Witness {
	t.Helper()
	documents, err := Served()
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{t: t, documents: documents}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.over = true
	})
	return w
}

// Note has the test fail, unless err is nil.
func (w *Witness) Note(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.t.Errorf("not as described: %v", err)
	}
}

// Exchange sees a request and its answer.
func (w *Witness) Exchange(e Exchange) {
	w.Note(w.documents.HTTP.Check(e))
	path, _ := strings.CutPrefix(e.URL.Path, e.Base)
	if kind, _, _ := mime.ParseMediaType(e.Answer.Get("Content-Type")); path == "/listen" && e.Status == http.StatusOK && kind == "application/json" {
		w.List(e.Got)
	}
}

// List sees a list of objects that a client got.
func (w *Witness) List(text []byte) { w.Note(w.documents.Frames.List(text)) }

// StreamEvent sees an event that an EventSource got.
func (w *Witness) StreamEvent(name, data string) { w.Note(w.documents.Frames.StreamEvent(name, data)) }

// Packet sees a packet that a Socket.IO client got.
func (w *Witness) Packet(packet string) { w.Note(w.documents.Frames.Packet(packet)) }

// Over makes a transport that shows the witness what goes through another one, to a server below a path.
func (w *Witness) Over(base string, next http.RoundTripper) http.RoundTripper {
	return &transport{witness: w, base: base, next: next}
}

// transport shows a witness each exchange when its answer has been read.
type transport struct {
	witness *Witness
	base    string
	next    http.RoundTripper
}

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return response, err
	}
	e := Exchange{
		Method: request.Method, URL: request.URL, Header: request.Header, Sent: sent(request),
		Base: t.base, Status: response.StatusCode, Answer: response.Header, OtherLimits: t.witness.OtherLimits,
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if e.Open = kind == "text/event-stream"; e.Open || response.StatusCode == http.StatusSwitchingProtocols {
		t.witness.Exchange(e)
		return response, nil
	}
	response.Body = &body{ReadCloser: response.Body, seen: func(got []byte) {
		e.Got = got
		t.witness.Exchange(e)
	}}
	return response, nil
}

// CloseIdleConnections closes those of the transport below.
func (t *transport) CloseIdleConnections() {
	if closer, is := t.next.(interface{ CloseIdleConnections() }); is {
		closer.CloseIdleConnections()
	}
}

// sent is the body of a request that can be sent again, which those of tests can.
func sent(request *http.Request) []byte {
	if request.GetBody == nil {
		return nil
	}
	again, err := request.GetBody()
	if err != nil {
		return nil
	}
	defer again.Close() //nolint:errcheck // it is memory
	all, _ := io.ReadAll(again)
	return all
}

// body keeps what is read, and shows it at the end. One that is not read to its end is not shown.
type body struct {
	io.ReadCloser
	got  bytes.Buffer
	seen func(got []byte)
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.got.Write(p[:n])
	if err == io.EOF && b.seen != nil {
		b.seen(b.got.Bytes())
		b.seen = nil
	}
	return n, err
}

// Package tracetest is a collector of traces for tests: it takes what services send over HTTP, as a real one does.
package tracetest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Span is what came of one.
type Span struct {
	Service, Name, Kind string
	Trace, ID, Parent   string // in hexadecimal; Parent is empty for the first of a trace
	Failed              bool
	Attributes          map[string]string // numbers in decimal
}

// Collector keeps what it gets. It is safe for use by many goroutines.
type Collector struct {
	URL string

	mu    sync.Mutex
	spans []Span // guarded by mu
	away  bool   // guarded by mu
}

// Start runs a collector until the end of the test.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP takes spans.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.URL.Path != "/v1/traces":
		http.NotFound(w, r)
	case err != nil || c.away:
		http.Error(w, "not taken", http.StatusBadRequest) // for good, or it would be tried again
	default:
		c.keep(&request)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}
}

// keep notes all spans. The mutex is held.
func (c *Collector) keep(request *collector.ExportTraceServiceRequest) {
	for _, of := range request.GetResourceSpans() {
		service := attributes(of.GetResource().GetAttributes())["service.name"]
		for _, some := range of.GetScopeSpans() {
			for _, s := range some.GetSpans() {
				c.spans = append(c.spans, Span{
					Service: service, Name: s.GetName(), Kind: s.GetKind().String(), Failed: s.GetStatus().GetCode() == 2, // STATUS_CODE_ERROR
					Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					Attributes: attributes(s.GetAttributes()),
				})
			}
		}
	}
}

func attributes(all []*common.KeyValue) map[string]string {
	found := make(map[string]string, len(all))
	for _, a := range all {
		found[a.GetKey()] = a.GetValue().GetStringValue()
		if n, is := a.GetValue().GetValue().(*common.AnyValue_IntValue); is {
			found[a.GetKey()] = strconv.FormatInt(n.IntValue, 10)
		}
	}
	return found
}

// Refuse has the collector take nothing, or take things again.
func (c *Collector) Refuse(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
}

// Spans is what has come.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

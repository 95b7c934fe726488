package trace_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
	"github.com/channelstream/channelstream/shared/trace"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

const (
	traced   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	untraced = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func newTracer(t *testing.T, s settings.Traces) *trace.Tracer {
	t.Helper()
	tracer, err := trace.New(trace.Config{Settings: s, Service: "channelstream-test", Version: "1.2.3", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, tracer) })
	return tracer
}

// end ends a tracer, and hands on what it has.
func end(t *testing.T, tracer *trace.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSpansOfARequestReachTheCollector(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	tracer := newTracer(t, settings.Traces{URL: collector.URL})
	began := time.Now().Add(-time.Second)
	ctx, request := tracer.Begin(t.Context(), traced, "POST /message", began)
	inside, step := trace.Step(ctx, "store", trace.Producer)
	_, there := tracer.Follow(context.Background(), trace.Parent(inside), "deliver", trace.Consumer)
	there.Count("members", 3)
	there.End()
	step.Fail()
	step.End()
	request.Name("route", "/message")
	request.End()
	end(t, tracer)
	spans := map[string]tracetest.Span{}
	for _, s := range collector.Spans() {
		spans[s.Name] = s
		if s.Service != "channelstream-test" || s.Trace != traced[3:35] {
			t.Errorf("came as %+v", s)
		}
	}
	root, store, deliver := spans["POST /message"], spans["store"], spans["deliver"]
	if len(spans) != 3 || root.Parent != traced[36:52] || store.Parent != root.ID || deliver.Parent != store.ID {
		t.Errorf("came: %+v", spans)
	}
	if root.Kind != "SPAN_KIND_SERVER" || store.Kind != "SPAN_KIND_PRODUCER" || deliver.Kind != "SPAN_KIND_CONSUMER" || !store.Failed || root.Failed ||
		deliver.Attributes["members"] != "3" || root.Attributes["route"] != "/message" {
		t.Errorf("came: %+v", spans)
	}
}

// The hot path asks all this of every message.
func TestWhatIsNotTracedTakesNoMemory(t *testing.T) { //nolint:paralleltest // others beside it would allocate
	collector := tracetest.Start(t)
	on := newTracer(t, settings.Traces{URL: collector.URL})
	ctx := t.Context()
	var off *trace.Tracer
	for name, c := range map[string]struct {
		tracer *trace.Tracer
		parent string
	}{"without a collector": {off, traced}, "without a word of the app": {on, ""}, "as the app wants it": {on, untraced}} {
		allocs := testing.AllocsPerRun(100, func() {
			if c.tracer.Takes(c.parent) {
				t.Errorf("%s: it is traced", name)
			}
			inside, span := c.tracer.Follow(ctx, c.parent, "deliver", trace.Consumer)
			below, step := trace.Step(inside, "store", trace.Producer)
			if span.Traced() || step.Traced() || trace.Parent(below) != "" {
				t.Errorf("%s: there is a span", name)
			}
			step.Count("messages", 1)
			step.Fail()
			step.End()
			span.End()
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
	end(t, on)
	if spans := collector.Spans(); len(spans) > 0 {
		t.Errorf("came: %+v", spans)
	}
}

func TestACollectorThatTakesNothingIsInTheLogOnce(t *testing.T) {
	t.Parallel()
	collector, log := tracetest.Start(t), &telemetrytest.Journal{}
	collector.Refuse(true)
	tracer, err := trace.New(trace.Config{Settings: settings.Traces{URL: collector.URL + "/"}, Service: "s", Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 { // several batches
		_, span := tracer.Begin(t.Context(), traced, "n", time.Now())
		span.End()
	}
	end(t, tracer)
	if n := strings.Count(log.String(), "the collector does not take traces"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log)
	}
}

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	t.Parallel()
	if tracer := newTracer(t, settings.Traces{Percent: 100}); tracer != nil || tracer.Takes("") || tracer.Takes(traced) {
		t.Error("something is traced")
	}
}

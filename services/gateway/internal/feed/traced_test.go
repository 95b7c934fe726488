package feed

import (
	"context"
	"log/slog"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/trace"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
)

// Not parallel: AllocsPerRun counts what the whole process allocates.
func TestAMessageThatIsNotTracedCostsNoMemoryMore(t *testing.T) { //nolint:paralleltest // see above
	collector := tracetest.Start(t)
	tracer, err := trace.New(trace.Config{Settings: settings.Traces{URL: collector.URL}, Service: "s", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := hub.New(hub.Config{Shards: 1})
	s := &subscription{topic: h.NewTopic("c", "live.c")}
	publish := func(f *Feed, parent string) func() {
		m := bus.LogMessage{Sequence: 1, Data: []byte(`{}`), Header: bus.Header{bus.HeaderSequence: {"1"}, contract.HeaderMore: {"1"}}}
		if parent != "" {
			m.Header[trace.Header] = []string{parent}
		}
		return func() { f.publish(s, m, 1) }
	}
	const sampled, unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	off, on := &Feed{hub: h}, &Feed{hub: h, tracer: tracer}
	for name, run := range map[string]func(){
		"no collector": publish(off, ""), "no collector, but a trace": publish(off, sampled),
		"a collector": publish(on, ""), "a collector, and a trace that is none": publish(on, unsampled),
	} {
		if allocs := testing.AllocsPerRun(100, run); allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
	publish(on, sampled)()
	if err := tracer.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if spans := collector.Spans(); len(spans) != 1 || spans[0].Name != "deliver" || spans[0].Parent != "b7ad6b7169203331" {
		t.Errorf("came: %+v", spans)
	}
}

package trace_test

import (
	"context"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/trace"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
)

// What an app sends as a traceparent decides, unless it is none (W3C Trace Context, section 3.2).
func TestTheAppDecidesWhatIsTraced(t *testing.T) {
	t.Parallel()
	at := tracetest.Start(t).URL
	quietly, all := newTracer(t, settings.Traces{URL: at}), newTracer(t, settings.Traces{URL: at, Percent: 100})
	for parent, c := range map[string]struct{ taken, takenOfAll bool }{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":      {true, true},
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03":      {true, true},
		"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more": {true, true}, // of a later version
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00":      {false, false},
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02":      {false, false},
		// None of these is one, so that nothing is decided.
		"": {false, true},
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0":       {false, true},
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g":      {false, true},
		"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01":      {false, true},
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more": {false, true},
		"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more": {false, true},
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":      {false, true},
		"00-00000000000000000000000000000000-b7ad6b7169203331-01":      {false, true},
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01":      {false, true},
		"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01":      {false, true},
	} {
		if taken, ofAll := quietly.Takes(parent), all.Takes(parent); taken != c.taken || ofAll != c.takenOfAll {
			t.Errorf("%q is taken: %t, and where all are traced: %t", parent, taken, ofAll)
		}
		if ctx, span := quietly.Begin(t.Context(), parent, "n", time.Now()); c.taken && trace.Parent(ctx)[:36] != "00-"+parent[3:36] {
			t.Errorf("below %q is %q", parent, trace.Parent(ctx))
		} else {
			span.End()
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	tracer, err := trace.New(trace.Config{Settings: settings.Traces{URL: "http://127.0.0.1:1"}, Logger: quiet})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { tracer.Close(context.Background()) }) //nolint:errcheck // nobody is there
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x")
	f.Fuzz(func(t *testing.T, parent string) {
		if !tracer.Takes(parent) {
			return
		}
		ctx, span := tracer.Follow(t.Context(), parent, "n", trace.Server)
		if below := trace.Parent(ctx); !span.Traced() || len(below) != 55 || below[3:36] != parent[3:36] {
			t.Errorf("below %q is %q", parent, below)
		}
	})
}

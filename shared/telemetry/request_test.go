package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestEachLineThatARequestLeadsToHasItsID(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := telemetry.Component(telemetry.NewLogger(&out, new(slog.LevelVar), format), "api").With("route", "/message")
		log.InfoContext(telemetry.WithRequest(t.Context(), "r-1"), "it fails")
		log.InfoContext(t.Context(), "something else")
		log.Info("and that")
		first, rest, _ := strings.Cut(out.String(), "\n")
		for _, want := range []string{"component", "route", "request", "r-1"} {
			if !strings.Contains(first, want) {
				t.Errorf("no %s in %s", want, first)
			}
		}
		if strings.Contains(rest, "request") {
			t.Errorf("lines of no request: %s", rest)
		}
	}
}

func TestARequestKeepsTheIDThatItsCallerGaveIfItIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"1", "abc-DEF_9.", "9f86d081-884c-4d65-9a2f-eaa0c55ad015", "Root=1-67891233-abcdef", strings.Repeat("x", 64)} {
		if got := telemetry.RequestID(id); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "a b", "a\nb", `a"b`, "ä", "a;b", "{}", strings.Repeat("x", 65)} {
		got := telemetry.RequestID(id)
		if got == id || !telemetry.IsRequestID(got) || seen[got] {
			t.Errorf("%q became %q", id, got)
		}
		seen[got] = true
	}
}

func TestALoggerKnowsItsLevel(t *testing.T) {
	t.Parallel()
	level, err := telemetry.ParseLevel("error")
	if err != nil {
		t.Fatal(err)
	}
	log := telemetry.Component(telemetry.NewLogger(new(bytes.Buffer), level, "text"), "api")
	telemetry.LevelOf(log).Set(slog.LevelDebug)
	if !log.Enabled(context.Background(), slog.LevelDebug) {
		t.Error("what changes the level does not change it")
	}
	if telemetry.LevelOf(slog.New(slog.DiscardHandler)) != nil {
		t.Error("a logger of somebody else has a level")
	}
}

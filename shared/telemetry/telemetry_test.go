package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestLoggerNamesComponentInJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.Component(telemetry.NewLogger(&out, new(slog.LevelVar), "json"), "hub")
	log.Info("started", "shards", 2)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("log line %q: %v", out.String(), err)
	}
	if line["component"] != "hub" || line["msg"] != "started" || line["shards"] != 2.0 {
		t.Errorf("log line %v", line)
	}
}

func TestLevelChangesWhileRunning(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	level, err := telemetry.ParseLevel("warn")
	if err != nil {
		t.Fatal(err)
	}
	log := telemetry.NewLogger(&out, level, "text")
	log.Info("before")
	level.Set(slog.LevelInfo)
	log.Info("after")
	if text := out.String(); strings.Contains(text, "before") || !strings.Contains(text, "msg=after") {
		t.Errorf("log: %q", text)
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	want := map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	for name, level := range want {
		if got, err := telemetry.ParseLevel(name); err != nil || got.Level() != level {
			t.Errorf("ParseLevel(%q) = %v, %v", name, got, err)
		}
	}
	if _, err := telemetry.ParseLevel("loud"); err == nil {
		t.Error("ParseLevel(loud) did not fail")
	}
}

func TestRegistriesAreIndependent(t *testing.T) {
	t.Parallel()
	for range 2 { // twice in one process
		families, err := telemetry.NewRegistry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, family := range families {
			names[family.GetName()] = true
		}
		for _, want := range []string{"go_goroutines", "process_open_fds"} {
			if !names[want] {
				t.Errorf("no metric %s", want)
			}
		}
	}
}

// Package telemetry is what a process says about itself: its log lines and its metrics. Both are values that a program
// makes and hands down; there is no default logger and no default registry.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewLogger writes lines of at least level to w; level may be changed while the program runs. format is "json" for
// JSON and anything else for text. A line that is logged with the context of a request has the request's id.
func NewLogger(w io.Writer, level *slog.LevelVar, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(handler{slog.NewJSONHandler(w, options), level})
	}
	return slog.New(handler{slog.NewTextHandler(w, options), level})
}

// ParseLevel reads debug, info, warn or error into a level that can be changed later.
func ParseLevel(name string) (*slog.LevelVar, error) {
	level := new(slog.LevelVar)
	switch strings.ToLower(name) {
	case "debug":
		level.Set(slog.LevelDebug)
	case "info":
		level.Set(slog.LevelInfo)
	case "warn":
		level.Set(slog.LevelWarn)
	case "error":
		level.Set(slog.LevelError)
	default:
		return nil, fmt.Errorf("parse log level %q: want debug, info, warn or error", name)
	}
	return level, nil
}

// LevelName is the word for a level that ParseLevel reads.
func LevelName(level slog.Level) string { return strings.ToLower(level.String()) }

// Component returns a logger whose lines name the part of the program that wrote them.
func Component(log *slog.Logger, name string) *slog.Logger {
	return log.With("component", name)
}

// NewRegistry returns a registry with the collectors of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

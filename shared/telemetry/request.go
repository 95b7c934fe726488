package telemetry

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
)

// HeaderRequest is the header of an HTTP request, and of its answer, that holds the id of the request.
const HeaderRequest = "X-Request-Id"

// mostRequestID is how many characters the id of a request may have.
const mostRequestID = 64

// RequestID gives what a caller calls its request, if that is well-formed, and else a new id.
func RequestID(given string) string {
	if IsRequestID(given) {
		return given
	}
	const digits, bits = "0123456789abcdef", 4
	id := make([]byte, 0, 64/bits)
	for n := rand.Uint64(); len(id) < cap(id); n >>= bits { //nolint:gosec // to tell requests apart, not to hide
		id = append(id, digits[n&(1<<bits-1)])
	}
	return string(id)
}

// IsRequestID says whether a text is well-formed as the id of a request: short, and of characters that mean nothing in a
// header or a line of a log.
func IsRequestID(id string) bool {
	return id != "" && len(id) <= mostRequestID && !strings.ContainsFunc(id, notInRequestID)
}

func notInRequestID(r rune) bool {
	switch {
	case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return false
	}
	return !strings.ContainsRune("-_.:+/=", r)
}

// requestKey is under what a context has the id of the request that it is of.
type requestKey struct{}

// WithRequest makes a context of a request. What is logged with it, by a logger of NewLogger, has the id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestOf is the id of the request that a context is of, and "" for any other context.
func RequestOf(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// handler writes the id of a request on each line that is logged with its context.
type handler struct {
	slog.Handler
	level *slog.LevelVar
}

// Handle writes a line.
func (h handler) Handle(ctx context.Context, line slog.Record) error {
	if id := RequestOf(ctx); id != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, line) //nolint:wrapcheck // nobody reads it
}

// WithAttrs gives a handler whose lines have more attributes.
func (h handler) WithAttrs(all []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(all), h.level}
}

// WithGroup gives a handler that puts what follows into a group.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.level}
}

// LevelOf is the level of a logger that NewLogger made, or of one made from it; nil for any other.
func LevelOf(log *slog.Logger) *slog.LevelVar {
	h, _ := log.Handler().(handler)
	return h.level
}

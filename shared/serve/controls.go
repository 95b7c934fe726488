package serve

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/telemetry"
)

const (
	levelPath   = "/log-level"
	profilePath = "/debug/pprof/"
)

// controls puts before what operators ask (see Operations) what they may change, and a look into the process: its level of
// logging and its profiles. It is for a port that operators alone can reach. Profiles that are being taken when ctx ends
// end with it.
func controls(ctx context.Context, operations http.Handler, log *slog.Logger) http.Handler {
	r := edge.NewRouter()
	if level := telemetry.LevelOf(log); level != nil {
		l := &logLevel{level: level, log: log}
		edge.Read(r, levelPath, l.answer)
		r.Put(levelPath, l.change)
	}
	profiles(ctx, func(path string, answer http.HandlerFunc) { r.Get(profilePath+path, answer) })
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == levelPath || strings.HasPrefix(q.URL.Path, profilePath) {
			r.ServeHTTP(w, q)
			return
		}
		operations.ServeHTTP(w, q)
	})
}

// profiles are those of net/http/pprof, but for the command line, which is nobody's business.
func profiles(ctx context.Context, route func(path string, answer http.HandlerFunc)) {
	bounded := func(take http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			within, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			take(w, r.WithContext(within))
		}
	}
	route("profile", bounded(pprof.Profile))
	route("trace", bounded(pprof.Trace))
	route("symbol", pprof.Symbol)
	route("cmdline", func(w http.ResponseWriter, _ *http.Request) { edge.WriteFault(w, edge.NotFound()) })
	route("*", bounded(pprof.Index))
}

// logLevel answers for the level of logging.
type logLevel struct {
	level *slog.LevelVar
	log   *slog.Logger
}

// answer tells the level, by the word that change takes.
func (l *logLevel) answer(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	io.WriteString(w, telemetry.LevelName(l.level.Level())+"\n") //nolint:errcheck // the caller has gone then
}

// mostLevel is how long a word for a level may be, with a line end behind it.
const mostLevel = 16

// change takes a word for a level as the body.
func (l *logLevel) change(w http.ResponseWriter, r *http.Request) {
	word, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostLevel))
	to, wrong := telemetry.ParseLevel(strings.TrimSpace(string(word)))
	if err != nil || wrong != nil {
		edge.WriteFault(w, contract.Invalid("level", "The body must be one of the words debug, info, warn and error."))
		return
	}
	setLevel(l.level, to.Level(), l.log.With("by", "request", "request", telemetry.RequestOf(r.Context())))
	l.answer(w, r)
}

// setLevel changes the level, and says so at a level that few leave out.
func setLevel(level *slog.LevelVar, to slog.Level, log *slog.Logger) {
	from := level.Level()
	level.Set(min(from, to)) // whichever of the two shows more shows the line
	log.Warn("the level of logging changes", "from", telemetry.LevelName(from), "to", telemetry.LevelName(to))
	level.Set(to)
}

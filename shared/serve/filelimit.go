package serve

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// FileLimit is how many files this process may have open now; 0 if that is not known.
func FileLimit() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return 0
	}
	return int(min(files.Cur, 1<<31)) //nolint:gosec // it is bounded
}

const fileLimitEvery = time.Minute // between two lines of the log

// fileLimit tells operators when connections wait since this process may open no more files. It is safe for use by many
// goroutines.
type fileLimit struct {
	hits prometheus.Counter

	mu   sync.Mutex
	told time.Time // guarded by mu
}

func newFileLimit() *fileLimit {
	return &fileLimit{hits: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "channelstream_file_limit_hits_total",
		Help: "Times that a connection had to wait because the process had as many files open as it may.",
	})}
}

func (f *fileLimit) hit(log *slog.Logger) {
	f.hits.Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.told) >= fileLimitEvery {
		f.told = now
		log.Error("this process has as many files open as it may, and new connections wait: raise the limit (ulimit -n, LimitNOFILE, nofile)")
	}
}

// watchedListener sees the limit where it is met first.
type watchedListener struct {
	net.Listener
	limit *fileLimit
	log   *slog.Logger
}

func (l watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		l.limit.hit(l.log)
	}
	return conn, err
}

package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// admitsOrigin says whether a page of this origin may connect. One that may not is in the log, with what would change that.
func (s *Service) admitsOrigin(r *http.Request) bool {
	if s.origins.Admits(r) {
		return true
	}
	s.strangers.note(r.Context(), r.Header.Get("Origin"), time.Now())
	return false
}

const (
	// strangerAgain is how long an origin that was in the log is not in it again.
	strangerAgain = time.Minute
	// mostStrangers is how many origins are in the log in that time: whoever likes can make them up.
	mostStrangers = 20
	// longestOrigin is how much of one is shown.
	longestOrigin = 256
)

// strangers tells the log of origins that are refused. It is safe for use by many goroutines.
type strangers struct {
	log *slog.Logger // set at construction

	mu    sync.Mutex
	noted map[string]time.Time // when an origin was in the log; guarded by mu
}

func newStrangers(log *slog.Logger) *strangers {
	return &strangers{log: log, noted: map[string]time.Time{}}
}

func (s *strangers) note(ctx context.Context, origin string, now time.Time) {
	origin = origin[:min(len(origin), longestOrigin)]
	if s.isNew(origin, now) {
		s.log.WarnContext(ctx, "a page of this origin may not connect; CHANNELSTREAM_ALLOWED_ORIGINS names those that may", "origin", origin)
	}
}

func (s *strangers) isNew(origin string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.noted[origin]; known && now.Sub(at) < strangerAgain {
		return false
	}
	if len(s.noted) >= mostStrangers {
		for other, at := range s.noted {
			if now.Sub(at) >= strangerAgain {
				delete(s.noted, other)
			}
		}
	}
	if len(s.noted) >= mostStrangers {
		return false
	}
	s.noted[origin] = now
	return true
}

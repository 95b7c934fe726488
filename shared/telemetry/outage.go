package telemetry

import (
	"log/slog"
	"sync"
	"time"
)

// calm is how long after its last line an Outage says nothing new: what fails and works by turns is two lines in that time.
const calm = 10 * time.Second

// Outage is something that is tried over and over and may fail each time, as while NATS is away. It is in the log once when
// it begins and once when it is over, and not with each try. It is safe for use by many goroutines.
type Outage struct {
	// set at construction
	log    *slog.Logger
	begins string
	ends   string

	mu     sync.Mutex
	since  time.Time // it lasts, as the log says; zero: it does not; guarded by mu
	said   time.Time // when the log was last told; guarded by mu
	failed int       // tries; guarded by mu
}

// NewOutage makes one that has not begun. begins and ends are what the log says.
func NewOutage(log *slog.Logger, begins, ends string) *Outage {
	return &Outage{log: log, begins: begins, ends: ends}
}

// Note takes the outcome of a try. args stand in the line if this is the one with which it begins.
func (o *Outage) Note(err error, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil && o.since.IsZero():
		o.failed = 0
	case err == nil:
		o.log.Info(o.ends, "after", now.Sub(o.since).Round(time.Millisecond), "failed", o.failed)
		o.since, o.said, o.failed = time.Time{}, now, 0
	default:
		o.failed++
		if o.since.IsZero() && (o.said.IsZero() || now.Sub(o.said) >= calm) {
			o.log.Warn(o.begins, append(args, "error", err)...)
			o.since, o.said = now, now
		}
	}
}

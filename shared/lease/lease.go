// Package lease keeps a process known to presence: it renews the lease of the process three times within its life, and at
// once when NATS is back.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// retry is the wait after a renewal that failed.
const retry = 250 * time.Millisecond

// ErrLapsed is returned by Check while presence may take the process for gone.
var ErrLapsed = errors.New("presence has not taken the lease in time: it does not answer, or can not write")

// Config says whose lease it is.
type Config struct {
	Conn      *bus.Conn
	Namespace contract.Namespace
	Timeout   time.Duration // of one renewal
	Request   func() contract.LeaseRequest
	// Renewed, if not nil, is told of each renewal, in order. away tells that presence may have taken the process for gone
	// before, or that orders from it may have been lost: the lease had lapsed, or NATS was away.
	Renewed func(answer contract.LeaseAnswer, away bool)
	Logger  *slog.Logger
}

// Keeper renews a lease while Run does.
type Keeper struct {
	config  Config
	elders  elders
	doubted chan struct{} // holds one when the lease is to be renewed soon
	fails   atomic.Bool   // presence did not do what it was asked last

	mu    sync.Mutex
	until time.Time // the lease lasts, by this process's clock; guarded by mu
}

// New makes a keeper. There is no lease before Run.
func New(c Config) *Keeper {
	return &Keeper{config: c, elders: elders{log: c.Logger}, doubted: make(chan struct{}, 1)}
}

// Check says whether the lease lasts: nil, or ErrLapsed.
func (k *Keeper) Check(context.Context) error {
	if !k.Lasts() {
		return ErrLapsed
	}
	return nil
}

// Lasts says whether the lease lasts.
func (k *Keeper) Lasts() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Before(k.until)
}

// Doubt says that presence did not do something else that it was asked: the lease is renewed soon, to see whether it can.
func (k *Keeper) Doubt() {
	if k.fails.Swap(true) {
		return // it is known
	}
	select {
	case k.doubted <- struct{}{}:
	default:
	}
}

// Fails says whether presence, which did once, does not do what it is asked. It is asked again and again meanwhile.
func (k *Keeper) Fails() bool { return k.fails.Load() }

// Run renews the lease until ctx ends. It logs when that begins to fail, once there was a lease, and when it is well again.
func (k *Keeper) Run(ctx context.Context) error {
	back := make(chan struct{}, 1)
	defer k.config.Conn.OnChange(func(up bool) {
		if up {
			select {
			case back <- struct{}{}:
			default:
			}
		}
	})()
	timer := time.NewTimer(0)
	defer timer.Stop()
	outage := telemetry.NewOutage(k.config.Logger, "the lease could not be renewed; trying again", "the lease is renewed again")
	held := false // until there was a lease, presence may just not be up yet
	away := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-back:
			away = true
		case <-k.doubted:
			timer.Reset(retry) // others may doubt it again and again
			continue
		}
		ttl, err := k.renew(ctx, away)
		if ctx.Err() != nil {
			return nil
		}
		if held = held || err == nil; held {
			outage.Note(err)
			k.fails.Store(err != nil)
		}
		wait := retry
		if err == nil {
			wait, away = ttl/3, false
		}
		timer.Reset(wait)
	}
}

func (k *Keeper) renew(ctx context.Context, away bool) (ttl time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.config.Timeout)
	defer cancel()
	request := k.config.Request()
	request.Contract = contract.Version
	began := time.Now() // it lasts from then on at least, whenever presence wrote it
	answer, err := bus.CallAgain[contract.LeaseAnswer](ctx, k.config.Conn, k.config.Namespace.Presence(contract.VerbLease), request)
	if err != nil {
		return 0, err
	}
	k.elders.heard(answer.Contract) // before the lease lasts: a check that finds it does knows this too
	ttl = max(time.Duration(answer.TTL*float64(time.Second)), 3*time.Millisecond)
	k.mu.Lock()
	lapsed := !began.Before(k.until)
	k.until = began.Add(ttl)
	k.mu.Unlock()
	if k.config.Renewed != nil {
		k.config.Renewed(answer, away || lapsed)
	}
	return ttl, nil
}

// Package relay hands a client's request to the gateway that holds its session. It knows HTTP and NATS, but no protocol: what
// a session is and how a client is told that there is none, its user knows.
//
//	client ── GET …&sid=<route>.<random> ──► any gateway ══ request ══► the holder, which serves it as its own
//	client ◄── the answer ─────────────────  the gateway ◄═ delivery ═  and learns whether the answer has come
//
// It promises that a request ends: with an answer, or, when the holder is not there any more or is silent for too long, with
// ErrGone, or when this gateway drains or the client hangs up. Then the holder is told that nobody waits, so that an answer
// is never lost in silence. It keeps bounds on how much waits.
package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

var (
	// ErrGone is returned by Forward when there is no such gateway any more, or it does not answer.
	ErrGone = errors.New("the gateway of the session does not answer")
	// ErrBusy is returned by Forward when this gateway can not hand on anything now.
	ErrBusy = errors.New("this gateway can not hand on requests now")
	// ErrTooLarge is returned by Forward for a body that no message can hold.
	ErrTooLarge = errors.New("larger than what gateways hand to each other")
)

// Bounds of what one gateway hands on at once. An answer that is larger than what is left is taken all the same: its session
// has given it away already.
const (
	maxRequests = 1 << 16
	maxBytes    = 256 << 20
)

// Config is what a relay works with.
type Config struct {
	Conn      *bus.Conn
	Namespace contract.Namespace
	Caller    func(*http.Request) string // the address of a client
	Silence   time.Duration              // a gateway that says nothing for so long is gone
	Longest   time.Duration              // a request may take
	MaxBody   int                        // bytes of a request; the holder refuses what is longer, by the byte too much that it gets
	Logger    *slog.Logger
}

// Relay is one gateway's part in it: as the one that hands on, and as the holder.
type Relay struct {
	// set at construction
	config Config
	route  string // names this life of the gateway in the ids of its sessions

	requests atomic.Int64 // that are handed on now
	bytes    atomic.Int64 // of them and of their answers

	drained sync.Once
	leaving chan struct{} // closed when nothing is handed on any more

	mu      sync.Mutex
	peers   map[string]*peer              // by route; guarded by mu
	serving map[string]context.CancelFunc // of what is served, by the subject to reply to; guarded by mu
}

// New makes a relay; it serves other gateways while Run does.
func New(c Config) *Relay {
	return &Relay{
		config: c, route: rand.Text()[:routeLength], leaving: make(chan struct{}),
		peers: map[string]*peer{}, serving: map[string]context.CancelFunc{},
	}
}

// A route is so many letters and digits of base 32. It is no secret.
const (
	routeLength = 13
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// Route names this gateway in the ids of its sessions.
func (r *Relay) Route() string { return r.route }

// NewID makes the id of a session of this gateway, which nobody can guess.
func (r *Relay) NewID() string { return r.route + "." + rand.Text() }

// Elsewhere says whether the id of a session names another gateway.
func (r *Relay) Elsewhere(sid string) bool {
	route := routeOf(sid)
	return route != "" && route != r.route
}

// routeOf gives the route in a session's id; "" for what is no such id.
func routeOf(sid string) string {
	route, _, whole := strings.Cut(sid, ".")
	if !whole || len(route) != routeLength || strings.Trim(route, alphabet) != "" {
		return ""
	}
	return route
}

// Drain has what is handed on end, now and from now on, with ErrBusy: the client finds another gateway.
func (r *Relay) Drain() { r.drained.Do(func() { close(r.leaving) }) }

// Move has the holder of a session take a step of a move. If there is none, the session is not known.
func (r *Relay) Move(ctx context.Context, o contract.MoveOrder) (contract.MoveAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Silence)
	defer cancel()
	subject := r.config.Namespace.Gateway(routeOf(o.SID), contract.VerbMove)
	answer, err := bus.Call[contract.MoveAnswer](ctx, r.config.Conn, subject, o)
	if errors.Is(err, bus.ErrNobody) {
		return contract.MoveAnswer{}, nil
	}
	if err != nil {
		return contract.MoveAnswer{}, fmt.Errorf("move a session: %w", err)
	}
	return answer, nil
}

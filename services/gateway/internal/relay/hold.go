package relay

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// maxWaiting is how many requests of other gateways may wait to be looked at.
const maxWaiting = 1 << 14

// Listen has NATS bring what other gateways hand on; Run has the handler serve it.
func (r *Relay) Listen(handler http.Handler) (*Listening, error) {
	intake := r.config.Conn.NewIntake(maxWaiting)
	subscription, err := intake.Subscribe(r.subject(r.route))
	if err != nil {
		return nil, fmt.Errorf("listen to other gateways: %w", err)
	}
	return &Listening{relay: r, handler: handler, intake: intake, subscription: subscription}, nil
}

// Listening is a relay that other gateways can reach.
type Listening struct {
	// set at construction
	relay        *Relay
	handler      http.Handler
	intake       *bus.Intake
	subscription *bus.Subscription

	serving sync.WaitGroup
}

// Run serves other gateways until ctx ends, and what it has begun then to its end.
func (l *Listening) Run(ctx context.Context) error {
	defer l.serving.Wait() // each ends with its session, or when nobody waits for it
	for {
		select {
		case m := <-l.intake.C():
			l.take(m)
		case <-ctx.Done():
			if l.relay.config.Conn.Connected() {
				return l.subscription.Unsubscribe() //nolint:wrapcheck // it says what was tried
			}
			return nil
		}
	}
}

// take looks at what another gateway says. Nothing may block.
func (l *Listening) take(m *bus.Msg) {
	r := l.relay
	if id := m.Header.Get(contract.HeaderCancel); id != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		if cancel := r.serving[id]; cancel != nil {
			cancel()
		}
		return
	}
	if len(m.Data) == 0 {
		r.note(context.Background(), r.config.Conn.Publish(m.Reply, nil, nil)) // it is there
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	full := len(r.serving) >= maxRequests
	if !full {
		r.serving[m.Reply] = cancel
	}
	r.mu.Unlock()
	if full {
		cancel() // the other one gives up in time
		return
	}
	l.serving.Go(func() {
		defer cancel()
		r.serve(ctx, l.handler, m)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.serving, m.Reply)
	})
}

// serve serves one request of another gateway.
func (r *Relay) serve(ctx context.Context, handler http.Handler, m *bus.Msg) {
	request, err := requestOf(m.Data)
	if err != nil {
		r.note(ctx, err)
		return
	}
	if id := request.Header.Get(telemetry.HeaderRequest); telemetry.IsRequestID(id) {
		ctx = telemetry.WithRequest(ctx, id)
	}
	w := &answering{header: http.Header{}, deliver: func(answer []byte) error {
		within, cancel := context.WithTimeout(ctx, r.config.Silence)
		defer cancel()
		return r.config.Conn.Deliver(within, m.Reply, answer)
	}}
	handler.ServeHTTP(w, request.WithContext(ctx))
	if ctx.Err() == nil {
		r.note(ctx, w.FlushError())
	}
}

// note has the log tell of what failed. The other gateway tells its client.
func (r *Relay) note(ctx context.Context, err error) {
	if err != nil {
		r.config.Logger.DebugContext(ctx, "a request of another gateway failed", "error", err)
	}
}

// answering is an answer for another gateway. It goes out when the handler flushes it, and then the handler learns whether
// it has come; or else when the handler has returned.
type answering struct {
	deliver func(answer []byte) error

	header    http.Header
	status    int
	body      []byte
	delivered bool
}

// Header gives the headers.
func (a *answering) Header() http.Header { return a.header }

// WriteHeader sets the status; the first one counts.
func (a *answering) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write keeps p.
func (a *answering) Write(p []byte) (int, error) {
	if a.delivered {
		return 0, http.ErrContentLength // it was flushed as a whole
	}
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, p...)
	return len(p), nil
}

// FlushError sends the answer, once, and says whether the other gateway has it.
func (a *answering) FlushError() error {
	if a.delivered {
		return nil
	}
	a.delivered = true
	a.WriteHeader(http.StatusOK)
	answer, err := encode(contract.RelayAnswer{Status: a.status, Header: a.header}, a.body)
	if err != nil {
		return err
	}
	return a.deliver(answer)
}

// Serving is how many requests of other gateways are served now.
func (r *Relay) Serving() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.serving)
}

package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// Handler answers one request: a value to be written as JSON, or an error. A *contract.Fault goes to the caller as it
// is; any other error is logged and the caller learns only that it happened.
type Handler func(ctx context.Context, data []byte) (any, error)

// Service is a set of request endpoints that shows in NATS service discovery.
type Service struct {
	Name        string // letters, digits, - and _
	Description string
	Version     string            // of which discovery shows the three numbers
	Metadata    map[string]string // shown by discovery; may be nil
	QueueGroup  string            // empty: every instance gets every request
	Endpoints   map[string]Endpoint
	Concurrent  int           // requests answered at once; more wait
	Timeout     time.Duration // of one request, and of one part of a large answer
	Fresh       bool          // requests whose callers have given up are not begun after a hold-up
	Logger      *slog.Logger
	Tracer      *trace.Tracer // nil: no request is traced
}

// numbers are the part of a version that NATS service discovery takes in any case (semver.org, ADR-32).
var numbers = regexp.MustCompile(`^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}`)

// semantic gives the three numbers of a version, or 0.0.0 for one that has none.
func semantic(version string) string {
	return cmp.Or(numbers.FindString(strings.TrimPrefix(version, "v")), "0.0.0")
}

// Endpoint is one subject and what answers it.
type Endpoint struct {
	Subject string
	Handler Handler
}

// On makes a Handler of a function with typed request and answer. A request that is not JSON of that shape is
// refused as malformed.
func On[R, A any](f func(ctx context.Context, request R) (A, error)) Handler {
	return func(ctx context.Context, data []byte) (any, error) {
		var request R
		if err := json.Unmarshal(data, &request); err != nil {
			return nil, &contract.Fault{Code: contract.CodeMalformed, Message: "The request is not the JSON it should be."}
		}
		return f(ctx, request)
	}
}

// running is the requests that are being answered. The zero value has none.
type running struct {
	mu    sync.Mutex
	ended bool           // guarded by mu
	some  sync.WaitGroup // nothing is added when it has ended
}

// begin runs f by the way, unless it has ended.
func (r *running) begin(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.some.Go(f)
	}
	return !r.ended
}

// end returns when all that began have returned.
func (r *running) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.some.Wait()
}

// Serve answers the service's requests until ctx ends, then lets those that it has begun finish. NATS may give this process
// more until it knows; they are answered until Drain or Close. It returns after `ready`, if not nil, was called when the
// endpoints were in force.
func (c *Conn) Serve(ctx context.Context, s Service, ready func()) error {
	service, err := micro.AddService(c.nc, micro.Config{
		Name: s.Name, Description: s.Description, Version: semantic(s.Version), Metadata: s.Metadata,
		QueueGroup: s.QueueGroup, QueueGroupDisabled: s.QueueGroup == "",
	})
	if err != nil {
		return fmt.Errorf("add service %s: %w", s.Name, unavailable(err))
	}
	var running running
	var held *holdUps
	if s.Fresh {
		held = &holdUps{origin: time.Now()}
		watching, stop := context.WithCancel(ctx)
		var watch sync.WaitGroup
		defer watch.Wait()
		defer stop()
		watch.Go(func() { held.watch(watching, c) })
	}
	slots := make(chan struct{}, max(s.Concurrent, 1))
	work := context.WithoutCancel(ctx)
	unsent := telemetry.NewOutage(s.Logger, "an answer could not be sent", "answers can be sent again")
	for name, endpoint := range s.Endpoints {
		handle := func(r micro.Request) {
			slots <- struct{}{}
			answer := func() {
				defer func() { <-slots }()
				ctx := forCaller(work, r.Headers())
				if held != nil && held.late(r.Headers().Get(headerUntil)) {
					c.late.Add(1)
					s.Logger.DebugContext(ctx, "a request came too late, and was not begun", "endpoint", name)
					return // nobody waits for an answer
				}
				ctx, span := s.follow(ctx, name, r.Headers())
				defer span.End()
				unsent.Note(c.answer(ctx, &s, name, r), "endpoint", name)
			}
			if !running.begin(answer) {
				answer() // one by one, so that Drain waits for it
			}
		}
		if err := service.AddEndpoint(name, micro.HandlerFunc(handle), micro.WithEndpointSubject(endpoint.Subject)); err != nil {
			return errors.Join(fmt.Errorf("add endpoint %s: %w", name, err), service.Stop())
		}
	}
	if err := c.Flush(ctx); err != nil {
		return errors.Join(err, service.Stop())
	}
	if ready != nil {
		ready()
	}
	<-ctx.Done()
	err = service.Stop()
	running.end()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		return fmt.Errorf("stop service %s: %w", s.Name, err)
	}
	return nil
}

// follow begins the span of a request whose caller traces it.
func (s *Service) follow(ctx context.Context, name string, h header) (context.Context, trace.Span) {
	if s.Tracer == nil {
		return ctx, trace.Span{}
	}
	parent := h.Get(trace.Header)
	if parent == "" {
		return ctx, trace.Span{}
	}
	return s.Tracer.Follow(ctx, parent, s.Name+" "+name, trace.Server)
}

// answer carries out a request, and says whether the answer could be sent.
func (c *Conn) answer(ctx context.Context, s *Service, name string, r micro.Request) error {
	body, err := s.run(ctx, name, r.Data())
	if err != nil {
		trace.Fail(ctx)
		return c.refuse(r.Reply(), FaultFor(ctx, s.Logger, name, err))
	}
	return c.respond(ctx, s.Timeout, r.Reply(), body)
}

// errAnswer is that of an answer with more than maxAnswer bytes.
var errAnswer = errors.New("larger than an answer may be")

// run gives the answer to a request as it is sent.
func (s *Service) run(ctx context.Context, name string, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	answer, err := s.Endpoints[name].Handler(ctx, data)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes: %w", len(body), errAnswer)
	}
	return body, nil
}

// FaultFor is what a caller is told of an error: the fault that it is, that NATS is away, or else that the service failed, and
// then the log says how.
func FaultFor(ctx context.Context, log *slog.Logger, endpoint string, err error) *contract.Fault {
	var fault *contract.Fault
	if errors.As(err, &fault) {
		return fault
	}
	if errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) { // many at once, and no fault of ours
		log.DebugContext(ctx, "a request could not be carried out", "endpoint", endpoint, "error", err)
		return contract.Unavailable("The service could not reach NATS; try again.")
	}
	log.ErrorContext(ctx, "a request failed", "endpoint", endpoint, "error", err)
	if errors.Is(err, errAnswer) { // no 4xx: what was asked for is done
		return &contract.Fault{Code: contract.CodeInternal, Message: fmt.Sprintf("The answer has more than %d MiB: ask for less.", maxAnswer>>20)}
	}
	return &contract.Fault{Code: contract.CodeInternal, Message: "The service failed; its log says why."}
}

// respond sends an answer, in as many parts as it takes. It goes past the request's own methods: micro reads what they
// note of an error as soon as the handler has returned, but requests are answered after that, by goroutines of their own.
func (c *Conn) respond(ctx context.Context, timeout time.Duration, to string, body []byte) error {
	if len(body) <= maxPart {
		return c.nc.PublishMsg(&nats.Msg{Subject: to, Data: body})
	}
	header := nats.Header{headerParts: {strconv.Itoa(len(body))}}
	for ; len(body) > maxPart; body = body[maxPart:] {
		within, cancel := context.WithTimeout(ctx, timeout)
		next, err := c.nc.RequestMsgWithContext(within, &nats.Msg{Subject: to, Header: header, Data: body[:maxPart]})
		cancel()
		if err != nil {
			return fmt.Errorf("wait to be asked for the last %d bytes: %w", len(body)-maxPart, unavailable(err))
		}
		to = next.Reply
	}
	return c.nc.PublishMsg(&nats.Msg{Subject: to, Header: header, Data: body})
}

// refuse answers with a fault.
func (c *Conn) refuse(to string, fault *contract.Fault) error {
	body, err := json.Marshal(fault)
	if err != nil {
		return fmt.Errorf("encode fault: %w", err)
	}
	header := nats.Header{headerErrorCode: {string(fault.Code)}, headerError: {fault.Message}}
	return c.nc.PublishMsg(&nats.Msg{Subject: to, Header: header, Data: body})
}

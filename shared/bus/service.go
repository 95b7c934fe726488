package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/channelstream/channelstream/shared/contract"
)

// Handler answers one request: a value to be written as JSON, or an error. A *contract.Fault goes to the caller as it
// is; any other error is logged and the caller learns only that it happened.
type Handler func(ctx context.Context, data []byte) (any, error)

// Service is a set of request endpoints that shows in NATS service discovery.
type Service struct {
	Name        string // letters, digits, - and _
	Description string
	Version     string // semantic
	QueueGroup  string // empty: every instance gets every request
	Endpoints   map[string]Endpoint
	Concurrent  int           // requests answered at once; more wait
	Timeout     time.Duration // of one request
	Logger      *slog.Logger
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

// Serve answers the service's requests until ctx ends, then lets those that it has begun finish. It returns after
// `ready`, if not nil, was called when the endpoints were in force.
func (c *Conn) Serve(ctx context.Context, s Service, ready func()) error {
	service, err := micro.AddService(c.nc, micro.Config{
		Name: s.Name, Description: s.Description, Version: s.Version,
		QueueGroup: s.QueueGroup, QueueGroupDisabled: s.QueueGroup == "",
	})
	if err != nil {
		return fmt.Errorf("add service %s: %w", s.Name, unavailable(err))
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, max(s.Concurrent, 1))
	work := context.WithoutCancel(ctx)
	for name, endpoint := range s.Endpoints {
		handle := func(r micro.Request) {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				c.answer(work, &s, name, r)
			})
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
	running.Wait()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		return fmt.Errorf("stop service %s: %w", s.Name, err)
	}
	return nil
}

func (c *Conn) answer(ctx context.Context, s *Service, name string, r micro.Request) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	answer, err := s.Endpoints[name].Handler(ctx, r.Data())
	if err == nil {
		var body []byte
		if body, err = json.Marshal(answer); err == nil {
			err = c.respond(r, body)
		}
	}
	if err == nil {
		return
	}
	fault := FaultFor(s.Logger, name, err)
	body, err := json.Marshal(fault)
	if err == nil {
		err = c.reply(r, nats.Header{headerErrorCode: {string(fault.Code)}, headerError: {fault.Message}}, body)
	}
	if err != nil {
		s.Logger.Warn("an answer could not be sent", "endpoint", name, "error", err)
	}
}

// FaultFor is what a caller is told of an error: the fault that it is, or else that the service failed, and then the log
// says how.
func FaultFor(log *slog.Logger, endpoint string, err error) *contract.Fault {
	var fault *contract.Fault
	if errors.As(err, &fault) {
		return fault
	}
	log.Error("a request failed", "endpoint", endpoint, "error", err)
	if errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return contract.Unavailable("The service could not reach NATS; try again.")
	}
	return &contract.Fault{Code: contract.CodeInternal, Message: "The service failed; its log says why."}
}

func (c *Conn) respond(r micro.Request, body []byte) error {
	if len(body) <= maxPart {
		return c.reply(r, nil, body)
	}
	if r.Headers().Get(headerParts) == "" {
		return c.reply(r, nats.Header{headerParts: {"ask"}}, nil)
	}
	parts := (len(body) + maxPart - 1) / maxPart
	for len(body) > 0 {
		n := min(len(body), maxPart)
		if err := c.reply(r, nats.Header{headerParts: {strconv.Itoa(parts)}}, body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

// reply goes past the request's own methods: micro reads what they note of an error as soon as the handler has
// returned, but requests are answered after that, by goroutines of their own.
func (c *Conn) reply(r micro.Request, header nats.Header, body []byte) error {
	return c.nc.PublishMsg(&nats.Msg{Subject: r.Reply(), Header: header, Data: body})
}

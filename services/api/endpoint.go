package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/trace"
)

// methods are the handlers of one path. A handler gets the body and returns what is to be written as JSON; bytes are
// JSON already. HEAD is served where GET is.
type methods map[string]func(r *http.Request, body []byte) (any, error)

// admission lets a request go on for whose check there is a nil error. demo says that the demo has signed it.
type admission struct {
	check  func(r *http.Request, now time.Time) (demo bool, err error)
	signed bool // by whoever gets past the check
}

// endpoint makes an http.Handler of a path's methods; without any, the path is unknown.
func (s *Service) endpoint(route string, admit admission, m methods) http.HandlerFunc {
	allow := allowed(m)
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		status := http.StatusInternalServerError
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		var counted *counter // nil: nobody wants to know
		if s.accessLog {
			counted = &counter{ResponseWriter: w}
			w = counted
		}
		defer func() {
			took := time.Since(began)
			s.metrics.answered(route, status, took)
			if counted != nil {
				s.accessed(r, route, status, counted.bytes, took)
			}
		}()
		s.origins.Allow(w.Header(), r)
		if r.Method == http.MethodOptions {
			status = http.StatusNoContent
			s.origins.Preflight(w, r, allow)
			return
		}
		answer, err := s.answer(w, r, route, admit, m)
		if err != nil {
			status = s.writeFault(r.Context(), w, route, allow, err)
			return
		}
		status = s.write(r.Context(), w, route, answer)
	}
}

// answer runs the checks and the handler. A handler that panics is answered like one that fails.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, route string, admit admission, m methods) (answer any, err error) {
	var span trace.Span
	defer func() { s.endSpan(span, err) }()
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	began := time.Now()
	demo, err := admit.check(r, began)
	if err != nil {
		return nil, err
	}
	if s.tracer != nil && admit.signed {
		r, span = s.traced(r, route, began)
	}
	if demo {
		r = r.WithContext(context.WithValue(r.Context(), byDemo{}, true))
	}
	if m == nil {
		return nil, edge.NotFound()
	}
	handle, found := m[r.Method]
	if !found && r.Method == http.MethodHead {
		handle, found = m[http.MethodGet]
	}
	if !found {
		return nil, edge.WrongMethod()
	}
	body, err := s.read(w, r)
	if err != nil {
		return nil, err
	}
	answer, err = handle(r, body)
	if errors.Is(err, bus.ErrTooLarge) {
		err = request.NoRoom(body, s.conn.MaxPayload())
	}
	return answer, err
}

// byDemo is the key under which the context of a request says that the demo has signed it.
type byDemo struct{}

// limitsOf are the limits of whoever signed a request.
func (s *Service) limitsOf(r *http.Request) request.Limits {
	limits := s.limits
	limits.Demo = r.Context().Value(byDemo{}) != nil
	return limits
}

// allowed is the value of the Allow header.
func allowed(m methods) string {
	all := append(slices.Collect(maps.Keys(m)), http.MethodOptions)
	if _, found := m[http.MethodGet]; found {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// read reads the body, of at most maxBody bytes. The server ends one that does not come.
func (s *Service) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil {
		return nil, nil
	}
	if fault := edge.Encoding(r); fault != nil {
		return nil, fault
	}
	if r.ContentLength > s.maxBody {
		return nil, s.tooLarge()
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, s.maxBody), r.ContentLength)
	var large *http.MaxBytesError
	var fault *contract.Fault
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &fault): // of the server, since it waits for too many bodies
		return nil, fault
	case errors.As(err, &large):
		return nil, s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &contract.Fault{Code: contract.CodeMalformed, Message: "The body did not arrive in time."}
	}
	return nil, &contract.Fault{Code: contract.CodeMalformed, Message: "The body did not arrive whole."}
}

func (s *Service) tooLarge() error {
	return &contract.Fault{Code: contract.CodeTooLarge, Message: fmt.Sprintf("The body is larger than %d bytes.", s.maxBody)}
}

// readAll reads up to the end. length is what the caller said, -1 for nothing; it is believed up to a point, because
// the memory for it is taken before a byte has come.
func readAll(from io.Reader, length int64) ([]byte, error) {
	const believed = 64 << 10
	size := int64(512)
	if length >= 0 {
		size = min(length, believed) + 1 // one more to meet the end without growing
	}
	body := make([]byte, 0, size)
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
	}
}

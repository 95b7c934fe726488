package serve

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

const (
	defaultBodyTimeout = 30 * time.Second
	defaultRestTimeout = 5 * time.Second
	restBytes          = 64 << 20 // of a refused request that are still taken
)

// bounded gives a body a time to come, whoever reads it: a handler, or net/http, which reads what a handler has left
// and would wait for it for ever. Within that time it may have to go for others (see bodies): then its reader gets a
// *contract.Fault, which is the answer.
//
// A handler may also answer before it has read the body. Then the answer goes out at once, and what the client still
// sends is taken and thrown away, up to a limit: many clients send all before they look at the answer, and one that
// is cut off in the middle may never see it (RFC 9112 section 9.6). The connection ends behind it.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := identified(w, r) // net/http looks at the body of its own when the handler is done
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, own)
			return
		}
		e := &exchange{ResponseWriter: w, control: http.NewResponseController(w), request: r, bodies: s.bodies}
		defer e.leave()
		e.readBy(s.BodyTimeout)
		own.Body = e
		next.ServeHTTP(e, own)
		e.finish(s.RestTimeout, s.BodyTimeout)
	})
}

// exchange is a request with a body, and its answer.
type exchange struct {
	// set at construction
	http.ResponseWriter
	control *http.ResponseController
	request *http.Request
	bodies  *bodies

	evicted atomic.Pointer[contract.Fault] // why the body was ended for others; nil: it was not

	// owned by the reader of the body
	waiting  *waitingBody // nil before the body is read from, and when it was
	begun    bool         // the body was read from
	end      error        // of the body: io.EOF when it came whole; nil while there is more
	answered bool
	hijacked bool
}

// readBy bounds the time of reading. Where it is not supported, there is no network either.
func (e *exchange) readBy(timeout time.Duration) {
	_ = e.control.SetReadDeadline(time.Now().Add(timeout))
	if e.evicted.Load() != nil { // since before the deadline was set, perhaps
		_ = e.control.SetReadDeadline(time.Now())
	}
}

// evict ends the body. Any goroutine may call it.
func (e *exchange) evict(why *contract.Fault) {
	e.evicted.Store(why)
	_ = e.control.SetReadDeadline(time.Now())
}

// leave ends the waiting for the body.
func (e *exchange) leave() {
	if e.waiting != nil {
		e.bodies.leave(e.waiting)
		e.waiting = nil
	}
}

// finish sends the answer of a handler that has left some of the body, and takes the rest.
func (e *exchange) finish(silence, whole time.Duration) {
	if !e.hijacked && e.end == nil {
		e.rest(silence, whole)
	}
	why := e.evicted.Load()
	if e.hijacked || why == nil {
		return
	}
	if !e.answered {
		edge.WriteFault(e, why)
	}
	_ = e.control.Flush()       // the client has gone
	panic(http.ErrAbortHandler) // closes: net/http would keep the connection for half a second if much were to come
}

func (e *exchange) rest(silence, whole time.Duration) {
	if !e.answered {
		e.WriteHeader(http.StatusOK)
	}
	if e.request.Header.Get("Expect") != "" && !e.begun { // the client asks whether to send, and is not told to (RFC 9110 section 10.1.1)
		e.readBy(0)
		return
	}
	if e.control.Flush() == nil {
		e.discard(silence, whole)
	}
}

// discard reads until the body ends, its client is silent for so long, or the whole has taken too long or is too much.
func (e *exchange) discard(silence, whole time.Duration) {
	until := time.Now().Add(whole)
	buffer := make([]byte, 32<<10)
	for left := restBytes; left > 0 && time.Now().Before(until); {
		e.readBy(silence)
		n, err := e.Read(buffer)
		if err != nil {
			return // the connection ends in any case
		}
		left -= n
	}
}

// Read reads the body, which is waited for from the first call on. Once it has come whole no deadline holds any more:
// net/http watches the connection meanwhile, and would take the deadline for its end.
func (e *exchange) Read(p []byte) (int, error) {
	if !e.begun {
		e.begun = true
		e.waiting = e.bodies.enter(e.request, e.evict)
	}
	n, err := e.request.Body.Read(p)
	if err == nil {
		return n, nil
	}
	e.leave() // nobody evicts it from here on
	if fault := e.evicted.Load(); fault != nil {
		err = fault
	} else if errors.Is(err, io.EOF) {
		_ = e.control.SetReadDeadline(time.Time{})
	}
	e.end = err
	return n, err
}

// Close does nothing: net/http closes the body.
func (e *exchange) Close() error { return nil }

// WriteHeader begins the answer.
func (e *exchange) WriteHeader(status int) {
	if !e.answered && status >= http.StatusOK {
		e.answered = true
		if !errors.Is(e.end, io.EOF) {
			e.Header().Set("Connection", "close") // what still comes must not be taken for a request
		}
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer.
func (e *exchange) Write(p []byte) (int, error) {
	if !e.answered {
		e.WriteHeader(http.StatusOK)
	}
	return e.ResponseWriter.Write(p)
}

// Hijack gives the connection away.
func (e *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	e.leave()
	conn, buffers, err := e.control.Hijack()
	e.hijacked = err == nil
	return conn, buffers, err
}

// Unwrap is for http.ResponseController.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

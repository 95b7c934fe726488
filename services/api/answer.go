package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// writeFault answers an error and gives the HTTP status. Only what is this service's own fault is logged.
func (s *Service) writeFault(w http.ResponseWriter, route, allow string, err error) int {
	fault := asFault(err)
	status := statusOf(fault.Code)
	switch status {
	case http.StatusInternalServerError:
		s.log.Error("a request failed", "route", route, "error", err)
	case http.StatusServiceUnavailable:
		s.log.Debug("a request found nobody to answer it", "route", route, "error", err)
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", allow)
	}
	s.writeJSON(w, status, fault)
	return status
}

// asFault says what the app may know of an error.
func asFault(err error) *contract.Fault {
	var fault *contract.Fault
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.Is(err, bus.ErrTooLarge):
		return &contract.Fault{Code: contract.CodeTooLarge, Message: "The request is larger than a message on the bus."}
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return contract.Unavailable("NATS or a service behind it does not answer; try again.")
	}
	return &contract.Fault{Code: contract.CodeInternal, Message: "The server failed; its log says why."}
}

// statusOf is the one place where the codes of faults become HTTP statuses.
func statusOf(code contract.Code) int {
	switch code {
	case contract.CodeMalformed:
		return http.StatusBadRequest
	case contract.CodeUnauthorized:
		return http.StatusUnauthorized
	case contract.CodeForbidden:
		return http.StatusForbidden
	case contract.CodeNotFound:
		return http.StatusNotFound
	case contract.CodeMethod:
		return http.StatusMethodNotAllowed
	case contract.CodeNotHTTPS:
		return http.StatusNotAcceptable
	case contract.CodeConflict:
		return http.StatusConflict
	case contract.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case contract.CodeInvalid:
		return http.StatusUnprocessableEntity
	case contract.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// writeJSON writes bytes and recalled answers as they are and anything else as JSON.
func (s *Service) writeJSON(w http.ResponseWriter, status int, answer any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff") // names in it are the users' own: never to be taken for a page
	if large, is := answer.(*recalled); is {
		large.write(w)
		return
	}
	body, ready := answer.([]byte)
	if !ready {
		var err error
		if body, err = json.Marshal(answer); err != nil {
			s.log.Error("an answer could not be encoded", "error", err)
			status, body = http.StatusInternalServerError, []byte(`{"error":"The server failed; its log says why.","code":"internal"}`)
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller has gone
}

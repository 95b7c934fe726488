package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// writeFault answers an error and gives the HTTP status. What is this service's own fault is logged, and at debug all else:
// with the names of fields, and never with what is in them.
func (s *Service) writeFault(ctx context.Context, w http.ResponseWriter, route, allow string, err error) int {
	fault := s.asFault(err)
	if fault.Code == contract.CodeMethod {
		w.Header().Set("Allow", allow)
	}
	switch fault.Code {
	case contract.CodeInternal:
		s.log.ErrorContext(ctx, "a request failed", "route", route, "error", err)
	case contract.CodeUnavailable:
		s.log.DebugContext(ctx, "a request found nobody to answer it", "route", route, "error", err)
	default:
		s.log.DebugContext(ctx, "a request is refused", "route", route, "code", fault.Code, "reason", fault.Message, "fields", fieldNames(fault.Fields))
	}
	edge.WriteFault(w, fault)
	return fault.Code.HTTPStatus()
}

// fieldNames are the fields of a fault as the log shows them: by their paths, without a word on what is in them.
type fieldNames map[string][]string

// mostNames is how many of them are shown.
const mostNames = 20

// LogValue writes the first paths. It is called when the line is written, and not otherwise.
func (f fieldNames) LogValue() slog.Value {
	paths := slices.Sorted(maps.Keys(f))
	if len(paths) > mostNames {
		paths = append(paths[:mostNames], "…")
	}
	return slog.StringValue(strings.Join(paths, " "))
}

// asFault says what the app may know of an error.
func (s *Service) asFault(err error) *contract.Fault {
	var fault *contract.Fault
	away := errors.Is(err, bus.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if errors.As(err, &fault) {
		away = fault.Code == contract.CodeUnavailable
	}
	switch {
	case away && s.conn.Full():
		full := contract.Unavailable("The store is full: nothing can be stored until its disk has room.")
		if fault != nil {
			full.UUIDs = fault.UUIDs
		}
		return full
	case fault != nil:
		return fault
	case away:
		return contract.Unavailable("NATS or a service behind it does not answer; try again.")
	}
	return edge.Internal()
}

// write answers with recalled answers as they were read, with documents as they are, and with anything else as edge does.
func (s *Service) write(ctx context.Context, w http.ResponseWriter, route string, answer any) (status int) {
	switch given := answer.(type) {
	case *recalled:
		edge.SayJSON(w.Header())
		given.write(w)
		return http.StatusOK
	case document:
		given.write(w)
		return http.StatusOK
	}
	if err := edge.WriteJSON(w, http.StatusOK, answer); err != nil {
		s.log.ErrorContext(ctx, "a request failed", "route", route, "error", err)
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

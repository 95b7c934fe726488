package api

import (
	"net/http"
	"time"

	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// traceparent is trace.Header as net/http writes it.
const traceparent = "Traceparent"

// traced begins the span of a request, if its app or the operator has it traced. Only who has signed decides: a stranger
// could else have all that it sends traced.
func (s *Service) traced(r *http.Request, route string, began time.Time) (*http.Request, trace.Span) {
	parent := r.Header.Get(traceparent)
	if !s.tracer.Takes(parent) {
		return r, trace.Span{}
	}
	ctx, span := s.tracer.Begin(r.Context(), parent, methodOf(r)+" "+route, began)
	span.Name("http.request.method", methodOf(r))
	span.Name("http.route", route)
	span.Name("channelstream.request", telemetry.RequestOf(ctx))
	return r.WithContext(ctx), span
}

// endSpan ends the span of a request, which may be none.
func (s *Service) endSpan(span trace.Span, err error) {
	if !span.Traced() {
		return
	}
	status := http.StatusOK
	if err != nil {
		fault := s.asFault(err)
		status = fault.Code.HTTPStatus()
		span.Name("error.type", string(fault.Code))
		if status >= http.StatusInternalServerError {
			span.Fail()
		}
	}
	span.Count("http.response.status_code", status)
	span.End()
}

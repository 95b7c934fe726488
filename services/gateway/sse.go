package gateway

import (
	"errors"
	"net/http"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/sse"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// eventStream opens a stream of Server-Sent Events: GET /sse?conn_id=…&since=…
func (s *Service) eventStream(w http.ResponseWriter, r *http.Request) {
	if sse.Stops(r.Header.Get(lastEventID)) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	v, fault := s.admit(r, settings.TransportSSE)
	if fault == nil && r.ProtoMajor != 1 {
		edge.WriteFault(w, s.faultOf(r.Context(), "sse", noStream()))
		return
	}
	var ticket *admission.Ticket
	if fault == nil {
		ticket, fault = s.ticket(r)
	}
	if fault != nil {
		endStream(w, s.faultOf(r.Context(), "sse", fault))
		return
	}
	waiting := hub.NewWaiting(s.backlog.BacklogBytes)
	m, err := s.enter(r.Context(), v, wayOut{ticket: ticket, outlet: waiting, way: frame.Events, transport: "sse"})
	if err != nil {
		s.refuseStream(w, r, ticket, err)
		return
	}
	outlet, err := sse.Open(w, &s.streams)
	if err != nil {
		m.Close(contract.ReasonClosed)
		if errors.Is(err, http.ErrNotSupported) {
			edge.WriteFault(w, s.faultOf(r.Context(), "sse", noStream()))
		}
		return
	}
	waiting.Move(m, outlet, frame.Events, "sse")
}

// noStream is for a request whose connection can not be taken over: in HTTP/2 it is not the request's own.
func noStream() *contract.Fault {
	return &contract.Fault{Code: contract.CodeInternal, Message: "Events are sent over HTTP/1.1 only."}
}

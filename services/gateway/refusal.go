package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/sse"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// A page can not read the status of a WebSocket's handshake, nor that of an EventSource's: any refusal looks like a network
// that failed, and its loop would run for ever. So what is final is said on the way that was asked for, by the word that the
// end of a session has, and slowly, for those that loop all the same. What will pass is a status, or to an EventSource,
// which gives up for good at any but 200, a stream that ends at once.

// notIn is in the log for each client that is not let in: the way that it came, and the reason.
const notIn = "a client is refused"

// faultOf gives the fault that tells a client why it is not let in, and the log the reason.
func (s *Service) faultOf(ctx context.Context, way string, err error) *contract.Fault {
	s.log.DebugContext(ctx, notIn, "way", way, "reason", err)
	var fault *contract.Fault
	if !errors.As(err, &fault) {
		fault = contract.Unavailable("The server can not reach its services; try again.")
	}
	return fault
}

// forGood is the word for a refusal that is final and the client's own doing; "" for any other. A page of an origin that
// may not connect, or one that asks for what is not offered, gets a status: the handshake ends there (RFC 6455 section
// 4.2.2, item 4).
func forGood(fault *contract.Fault) contract.Reason {
	switch {
	case fault.Code != contract.CodeInvalid:
		return ""
	case slices.Contains(fault.Fields["conn_id"], contract.UnknownConnection):
		return contract.ReasonDisconnected
	}
	return contract.ReasonProtocolError
}

// longestRefusal is how long a refusal waits at most: a Socket.IO client that is connected to no namespace has its own time.
func longestRefusal(c settings.Presence) time.Duration {
	return min(20*time.Second, c.ConnectTimeout/2)
}

// refuseRequest answers with a fault.
func (s *Service) refuseRequest(w http.ResponseWriter, r *http.Request, way string, err error) {
	writeRefusal(w, s.faultOf(r.Context(), way, err))
}

// writeRefusal answers with a fault. One that is final says when it may be asked again, for clients that ask again all the
// same.
func writeRefusal(w http.ResponseWriter, fault *contract.Fault) {
	if forGood(fault) != "" {
		w.Header().Set("Retry-After", strconv.Itoa(2+rand.IntN(4))) //nolint:gosec // to spread, not to hide
	}
	edge.WriteFault(w, fault)
}

// refuseSocket refuses a client that asks for a WebSocket.
func (s *Service) refuseSocket(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket, err error) {
	fault := s.faultOf(r.Context(), "ws", err)
	reason := forGood(fault)
	if reason == "" {
		ticket.Return()
		edge.WriteFault(w, fault)
		return
	}
	opened, err := s.sockets.Upgrade(w, r)
	if err != nil {
		ticket.Return()
		return // Upgrade has answered
	}
	s.dismiss(opened.Plain(), frame.Lists, reason, ticket)
}

// refuseStream refuses a client that asks for a stream of events, and is an EventSource.
func (s *Service) refuseStream(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket, err error) {
	fault := s.faultOf(r.Context(), "sse", err)
	reason := forGood(fault)
	if reason == contract.ReasonDisconnected && takesEvents(r) {
		if outlet, err := sse.Open(w, &s.streams); err == nil {
			s.dismiss(outlet, frame.Events, reason, ticket)
			return
		} else if !errors.Is(err, http.ErrNotSupported) {
			ticket.Return()
			return // the client has gone
		}
	}
	ticket.Return()
	endStream(w, fault)
}

// takesEvents says whether a client asks for events, as every EventSource does, and not for whatever there is.
func takesEvents(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// endStream answers with what will pass, or may, as a failure of presence, by a stream that ends at once: the client comes
// back after its retry time, and is told the fault's code. Anything else is a status.
func endStream(w http.ResponseWriter, fault *contract.Fault) {
	switch fault.Code {
	case contract.CodeUnavailable, contract.CodeTooMany, contract.CodeInternal:
	default:
		writeRefusal(w, fault)
		return
	}
	sse.Describe(w.Header())
	fmt.Fprintf(w, "%s: %s\n%s", sse.Retry(), fault.Message, sse.Last(contract.Reason(fault.Code))) //nolint:errcheck // the client has gone then
}

// dismissed is the transport of clients that wait to be told that they are refused, as metrics name it.
const dismissed = "refused"

// dismiss tells a client on its own socket why it is refused, when the pace of refusals allows it. Until then a shard has the
// socket, and it counts as one of its address.
func (s *Service) dismiss(o hub.Outlet, w frame.Way, reason contract.Reason, ticket *admission.Ticket) {
	m := s.hub.Open(o, w, dismissed, func(contract.Reason, uint64) { ticket.Return() })
	s.pace.Tell(func() { m.Close(reason) })
}

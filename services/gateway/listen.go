package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/listen"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// listen answers a long poll: GET /listen?conn_id=…&since=…&callback=…
func (s *Service) listen(w http.ResponseWriter, r *http.Request) {
	v, fault := s.admit(r, settings.TransportListen)
	callback := r.URL.Query().Get("callback")
	if fault == nil && callback != "" && !listen.IsCallback(callback) {
		fault = contract.Invalid("callback", "Not the name of a function.")
	}
	var ticket *admission.Ticket
	if fault == nil {
		ticket, fault = s.ticket(r)
	}
	if fault != nil {
		s.refuseRequest(w, r, "listen", fault)
		return
	}
	began := time.Now()
	answer, err := s.poll(r.Context(), v, ticket)
	if err != nil {
		ticket.Return()
		s.refuseRequest(w, r, "listen", err)
		return
	}
	if answer.Reason == contract.ReasonReplaced {
		hold(r.Context(), time.Until(began.Add(chase)))
	}
	if v.keeps {
		answer.Tell(v.since)
	}
	answer.Write(w, callback)
}

// chase is how long a poll lasts at least that a newer one ended. Two clients that have the same conn_id would else end each
// other's polls as fast as they can.
const chase = time.Second

func hold(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// poll is the session of one poll. When it returns, presence knows from where the client goes on, which may come back at
// once, to any gateway.
func (s *Service) poll(ctx context.Context, v *visitor, ticket *admission.Ticket) (listen.Answer, error) {
	poll := listen.New(s.backlog.BacklogBytes)
	m, err := s.enter(ctx, v, wayOut{ticket: ticket, outlet: poll, way: frame.Answers, transport: "listen", ending: poll.Ending})
	if errors.Is(err, hub.ErrClosed) { // a newer poll was quicker
		return listen.Answer{Reason: contract.ReasonReplaced}, nil
	}
	if err != nil {
		return listen.Answer{}, err
	}
	answer := poll.Await(ctx, m, s.config.Settings.Clients.WakeConnectionsAfter, v.began)
	s.book.Settle(context.WithoutCancel(ctx))
	return answer, nil
}

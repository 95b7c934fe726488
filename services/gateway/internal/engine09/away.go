package engine09

import (
	"context"
	"errors"
	"net/http"

	"github.com/channelstream/channelstream/services/gateway/internal/relay"
	"github.com/channelstream/channelstream/shared/contract"
)

// A client's requests may come to any gateway. Its sid names the one of the handshake, to which polls and posts are handed. A WebSocket
// can not be: the session begins where it is, by what the handshake said.
//
//	client                      this gateway                 the one of the handshake
//	  WebSocket …/sid ────────►   claim ─────────────────────►  forgets the sid
//	                              ◄─ the handshake's query
//	  ◄───────────────── 1::

// away serves a request of a session that another gateway holds.
func (e *Engine) away(w http.ResponseWriter, r *http.Request, sid, index string) {
	err := e.config.HandOn(w, r, sid)
	var fault *contract.Fault
	switch {
	case err == nil:
	case errors.As(err, &fault):
		e.refuse(w, r, fault.Code.HTTPStatus(), fault.Message)
	case errors.Is(err, relay.ErrGone):
		e.unknown(w, r, index)
	default:
		e.refuse(w, r, http.StatusBadRequest, badPayload)
	}
}

// errNotHandshaken is returned by claim for a sid that is unknown or used up.
var errNotHandshaken = errors.New(notHandshaken)

// claim takes over a handshake that was made at another gateway.
func (e *Engine) claim(r *http.Request, sid string) (*conversation, error) {
	switch e.config.Refuse() {
	case "":
	case contract.ReasonUnavailable:
		return nil, contract.Unavailable("This gateway is not known to presence now; try again.")
	default:
		return nil, errNotHandshaken
	}
	ticket, fault := e.config.Ticket(r)
	if fault != nil {
		return nil, fault
	}
	answer, err := e.config.Peers.Move(r.Context(), contract.MoveOrder{SID: sid, Step: contract.StepClaim})
	if errors.Is(err, context.DeadlineExceeded) || err == nil && answer.Session == nil {
		err = errNotHandshaken
	}
	if err != nil {
		ticket.Return()
		return nil, err //nolint:wrapcheck // it says what was tried
	}
	c := newConversation(e, nil, sid, ticket)
	c.dialog.Moved(answer.Session)
	c.enlist()
	return c, nil
}

// Move gives a handshake, once, to the gateway where its client opens a WebSocket.
func (e *Engine) Move(_ context.Context, o contract.MoveOrder) (contract.MoveAnswer, error) {
	c := e.session(o.SID)
	if c == nil {
		return contract.MoveAnswer{}, nil
	}
	answer := contract.MoveAnswer{Known: true, Busy: true}
	c.start.Do(func() {
		c.giveUp()
		answer.Busy, answer.Session = false, c.dialog.Session()
	})
	return answer, nil
}

package engine09

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engine"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// words of a poll. The stock server sends no heartbeats by polling: a client shows by its polls that it is there, and is
// answered a noop now and then.
var words = polling.Words{
	Way: frame.Polls09, Ping: socketio09.AppendNoop(nil), Noop: socketio09.AppendNoop(nil), Close: socketio09.AppendReconnect(nil),
	Payload: socketio09.Payload,
}

// poll answers with what there is for the client, waiting for something. The first one begins the session. One of a session that has
// ended is refused: a stock client that knows itself connected comes back upon that, once.
func (e *Engine) poll(w http.ResponseWriter, r *http.Request, sid, transport string) {
	index := ""
	if transport == jsonpTransport {
		if index = r.URL.Query().Get("i"); !socketio09.IsIndex(index) {
			e.refuse(w, r, http.StatusBadRequest, badTransport)
			return
		}
	}
	c := e.session(sid)
	switch {
	case c == nil && e.config.Peers.Elsewhere(sid):
		e.away(w, r, sid, index)
		return
	case c == nil, !c.listens():
		e.unknown(w, r, index)
		return
	}
	payload := c.await(r.Context())
	switch {
	case payload == nil:
		return
	case c.greeted.Swap(true) && string(payload) == string(words.Close):
		e.refuse(w, r, http.StatusServiceUnavailable, ended)
		return
	}
	if write(w, index, payload); !engine.Sent(w) {
		c.member.Use(func(hub.Outlet) contract.Reason { return lost(payload) })
	}
}

// lost gives the reason for which a session ends whose client has not got what a poll was answered with; "" where that was nothing.
func lost(payload []byte) contract.Reason {
	if string(payload) == string(words.Noop) {
		return ""
	}
	return contract.ReasonClosed
}

// listens begins the session, unless it has begun, and says whether it polls. A client that has a WebSocket polls when it hears
// nothing there: it is to come back.
func (c *conversation) listens() bool {
	c.start.Do(func() {
		if c.engine.config.Refuse() != "" {
			c.giveUp()
			return
		}
		c.polls = polling.Speaking(&words, &c.engine.config.Polls, c.farewell)
		c.begin(c.engine.config.Hub.Open(c.polls, frame.Polls09, "polling", c.ended))
	})
	if c.polls == nil && c.member != nil {
		c.member.Close(contract.ReasonClosed)
	}
	return c.polls != nil
}

// await waits for what answers a poll; nil when its client has gone. An older poll, which the client may have given up, is let
// go.
func (c *conversation) await(ctx context.Context) []byte {
	payloads := make(chan []byte, 1)
	c.member.Use(func(hub.Outlet) contract.Reason {
		c.polls.Drain()
		c.polls.Resume()
		c.polls.Poll(payloads)
		return ""
	})
	select {
	case payload := <-payloads:
		c.member.Touch()
		return payload
	case <-c.member.Over():
		return c.last(payloads)
	case <-ctx.Done():
		c.member.Use(func(hub.Outlet) contract.Reason {
			if c.polls.Drop(payloads) {
				return ""
			}
			return lost(<-payloads)
		})
		return nil
	}
}

// last answers a poll after the end: with what it waited for, with what no poll had taken, or with the advice to come back.
func (c *conversation) last(payloads <-chan []byte) []byte {
	select {
	case payload := <-payloads:
		return payload
	default:
	}
	if left := c.polls.Left(); left != nil {
		return left
	}
	return words.Close
}

// post takes packets from the client. A client makes one such request at a time; one that does not wait for the answer is
// closed.
func (e *Engine) post(w http.ResponseWriter, r *http.Request, sid, transport string) {
	if fault := edge.Encoding(r); fault != nil {
		e.refuse(w, r, fault.Code.HTTPStatus(), fault.Message)
		return
	}
	c := e.session(sid)
	switch {
	case c == nil && e.config.Peers.Elsewhere(sid):
		e.away(w, r, sid, "")
		return
	case c == nil, c.opened() != nil && c.member.Why() != "":
		e.unknown(w, r, "")
		return
	case c.opened() == nil, c.polls == nil:
		e.refuse(w, r, http.StatusBadRequest, notHandshaken)
		return
	}
	if !c.posting.CompareAndSwap(false, true) {
		c.member.Close(contract.ReasonProtocolError)
		e.refuse(w, r, http.StatusBadRequest, badPayload)
		return
	}
	defer c.posting.Store(false)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(e.config.MaxPayload)))
	if err != nil {
		e.unread(w, r, c, err)
		return
	}
	packets, err := decode(body, transport)
	if err != nil {
		c.member.Close(contract.ReasonProtocolError)
		e.refuse(w, r, http.StatusBadRequest, badPayload)
		return
	}
	dialog.Receive(r.Context(), &c.inbound, c.member, e.config.PerSecond, packets, c.packet)
	write(w, "", taken)
}

// unread refuses a POST whose body could not be read.
func (e *Engine) unread(w http.ResponseWriter, r *http.Request, c *conversation, err error) {
	var fault *contract.Fault
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &fault): // of the server, since it waits for too many bodies
		e.refuse(w, r, fault.Code.HTTPStatus(), fault.Message)
	case errors.As(err, &tooLarge):
		c.member.Close(contract.ReasonTooLarge)
		e.refuse(w, r, http.StatusRequestEntityTooLarge, badPayload)
	default:
		e.refuse(w, r, http.StatusBadRequest, badPayload)
	}
}

func decode(body []byte, transport string) ([]socketio09.Packet, error) {
	if transport == jsonpTransport {
		payload, err := socketio09.DecodeForm(body)
		if err != nil {
			return nil, err
		}
		body = payload
	}
	return socketio09.DecodePayload(body, maxPackets)
}

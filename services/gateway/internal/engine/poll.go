package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

func (e *Engine) openPolling(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket) {
	c := e.newConversation(r, ticket)
	c.polls = polling.New(&e.config.Polls, c.dialog.Farewell)
	c.begin(e.config.Hub.Open(c.polls, frame.Polls, pollingTransport, c.ended))
	answer(w, c.open())
}

func answer(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	w.Write(body) //nolint:errcheck // the client has gone then, and the heartbeat notices
}

// poll answers with what there is for the client, waiting for something.
func (c *conversation) poll(w http.ResponseWriter, r *http.Request) {
	packets := make(chan []byte, 1)
	overlap := make(chan struct{})
	c.member.Use(func(hub.Outlet) contract.Reason {
		if !c.polls.Poll(packets) {
			close(overlap)
			return contract.ReasonProtocolError
		}
		return ""
	})
	select {
	case p := <-packets:
		c.member.Touch()
		answer(w, p)
	case <-overlap:
		c.engine.refuse(w, r, engineio.BadRequest)
	case <-c.member.Over():
		select {
		case <-overlap: // which is what ended it
			c.engine.refuse(w, r, engineio.BadRequest)
		case p := <-packets:
			answer(w, p)
		default:
			c.answerLast(w)
		}
	case <-r.Context().Done():
		c.member.Use(func(hub.Outlet) contract.Reason {
			if !c.polls.Drop(packets) {
				return contract.ReasonClosed // what the poll was answered with is lost
			}
			return ""
		})
	}
}

// post takes packets from the client. A client makes one such request at a time (Engine.IO protocol 4, section "HTTP
// long-polling"); one that does not wait for the answer is closed.
func (c *conversation) post(w http.ResponseWriter, r *http.Request) {
	if fault := edge.Encoding(r); fault != nil {
		c.engine.fault(w, r, fault)
		return
	}
	if !c.posting.CompareAndSwap(false, true) {
		c.member.Close(contract.ReasonProtocolError)
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	defer c.posting.Store(false)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(c.engine.config.MaxPayload)))
	var fault *contract.Fault
	if errors.As(err, &fault) { // of the server, since it waits for too many bodies
		c.engine.fault(w, r, fault)
		return
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		c.member.Close(contract.ReasonTooLarge)
		c.engine.fault(w, r, &contract.Fault{Code: contract.CodeTooLarge, Message: "The payload is larger than the handshake allows."})
		return
	}
	if err != nil {
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	packets, err := engineio.DecodePayload(body, maxPackets)
	if err != nil {
		c.member.Close(contract.ReasonProtocolError)
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	c.receive(r.Context(), packets)
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, "ok") //nolint:errcheck // the client has gone then
}

// receive takes packets, and returns when the shard has done what they led to: the next ones wait for that.
func (c *conversation) receive(ctx context.Context, packets []engineio.Packet) {
	c.inbound.Lock()
	defer c.inbound.Unlock()
	for _, p := range packets {
		reason := contract.ReasonRateLimited
		if !c.meter.Exceeds(1, c.engine.config.PerSecond, time.Now()) {
			reason = c.packet(ctx, p)
		}
		if reason != "" {
			c.member.Close(reason)
			break
		}
	}
	_ = c.member.Change(ctx, hub.Change{}) // an end of the session or of the request is as good
}

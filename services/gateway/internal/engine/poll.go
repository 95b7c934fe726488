package engine

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

func (e *Engine) openPolling(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket) {
	c := e.newConversation(r, ticket, e.config.Peers.NewID())
	way := c.through(frame.Polls)
	c.polls = polling.New(&e.config.Polls, way, c.dialog.Farewell)
	c.begin(e.config.Hub.Open(c.polls, way, pollingTransport, c.ended))
	open := c.open()
	if c.revision3 {
		open = engineio.AppendRecord(nil, open)
	}
	c.answer(w, r, open)
}

// answer answers a poll with a payload, in the form that the client asks for.
func (c *conversation) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	if c.revision3 {
		body = payload3(h, r.URL.Query(), body)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // the client has gone then, and the heartbeat notices
}

// Sent says whether what a poll was answered with is on its way to the client: another gateway may have to take it there.
func Sent(w http.ResponseWriter) bool {
	err := http.NewResponseController(w).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// moveWait is how long a poll waits while its client moves to a WebSocket. A client that says so there and then polls
// once more is refused: what it said may come after the poll.
const moveWait = 100 * time.Millisecond

// poll answers with what there is for the client, waiting for something. A poll is no sign of life, a pong is (Engine.IO
// protocol 4, section "Heartbeat").
func (c *conversation) poll(w http.ResponseWriter, r *http.Request) {
	packets := make(chan []byte, 1)
	overlap := make(chan struct{})
	c.member.Use(func(now hub.Outlet) contract.Reason {
		if now != hub.Outlet(c.polls) { // the client has moved to a WebSocket just before
			packets <- nil
			return ""
		}
		if !c.polls.Poll(packets) {
			close(overlap)
			return contract.ReasonProtocolError
		}
		return ""
	})
	if now := c.speaks(); now == trying || now == away {
		release := time.AfterFunc(moveWait, func() {
			c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Release(); return "" })
		})
		defer release.Stop()
	}
	select {
	case p := <-packets:
		c.answerPoll(w, r, p)
	case <-overlap:
		c.engine.refuse(w, r, engineio.BadRequest)
	case <-c.member.Over():
		select {
		case <-overlap: // which is what ended it
			c.engine.refuse(w, r, engineio.BadRequest)
		case p := <-packets:
			c.answerPoll(w, r, p)
		default:
			c.answerLast(w, r)
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

// answerPoll answers a poll with packets, or refuses it.
func (c *conversation) answerPoll(w http.ResponseWriter, r *http.Request, packets []byte) {
	if packets == nil {
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	if c.answer(w, r, packets); !Sent(w) {
		c.member.Close(contract.ReasonClosed) // they are lost
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
	packets, err := c.decode(r, body)
	if err != nil {
		c.member.Close(contract.ReasonProtocolError)
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	if dialog.Receive(r.Context(), &c.inbound, c.member, c.engine.config.PerSecond, packets, c.packet).Breach() {
		c.engine.refuse(w, r, engineio.BadRequest)
		return
	}
	taken(w)
}

// taken answers a POST.
func taken(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, "ok") //nolint:errcheck // the client has gone then
}

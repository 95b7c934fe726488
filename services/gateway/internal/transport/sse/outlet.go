package sse

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// closeEvent is the event that says why a stream ends.
const closeEvent = "close"

// heartbeat is a comment, which clients pass over.
var heartbeat = []byte(":\n")

// Outlet is a stream of events that its session's shard writes.
type Outlet struct {
	socket.Stream

	// set at construction
	member *hub.Member

	// owned by the shard
	slack int // bytes that may still come from the client
}

// Bind names the member that the outlet belongs to.
func (o *Outlet) Bind(m *hub.Member) { o.member = m }

// Ping sends a heartbeat. A client can not answer it; a host that does not acknowledge it ends the connection, and one
// that takes nothing more has a backlog.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	o.member.TouchAt(now)
	return o.Send(heartbeat, now)
}

// Close sends an event with the reason, behind the backlog if there is one, and ends the answer. The client closes the
// connection then.
func (o *Outlet) Close(reason contract.Reason) {
	if reason == contract.ReasonSlowConsumer {
		o.Cut()
		return
	}
	o.Finish(Last(reason), closeWait, o.CloseWrite)
}

// Last is the event that says why a stream ends. An EventSource comes back by itself, unless its page heeds the event. From an
// end that is final it takes the reason along, as its last id, and is then told to stop.
func Last(reason contract.Reason) []byte {
	var last []byte
	if reason.Final() {
		last = fmt.Appendf(last, "id: %s\n", reason)
	}
	return frame.AppendEvent(last, 0, closeEvent, strconv.AppendQuote(nil, string(reason)))
}

// Stops says whether a client with this last id was told that its end is final. An EventSource that is answered with a 204
// does not come back (WHATWG HTML, section "Server-sent events", "fail the connection").
func Stops(lastEventID string) bool { return contract.Reason(lastEventID).Final() }

// slack is how much a client may send that has nothing to say: an empty line or two behind its request (RFC 9112 section
// 2.2), but no other request.
const slack = 8

// Wants says whether the connection is to be read: for its end, or because its client has said too much with the request.
func (o *Outlet) Wants() bool { return o.Arrived() || o.slack < 0 && !o.Leaving() }

// Resume has nothing to do: a client asks for nothing.
func (o *Outlet) Resume() {}

// Read waits for the end of the client. What comes after the session's end is read away, or the client's last bytes might go
// with a reset.
func (o *Outlet) Read(buffer []byte, _ time.Time) contract.Reason {
	if o.slack < 0 && !o.Leaving() {
		return contract.ReasonProtocolError
	}
	n, err := o.Stream.Read(buffer)
	switch {
	case errors.Is(err, socket.ErrEmpty):
		return ""
	case err != nil:
		o.Ended()
		return socket.EndOf(err)
	}
	o.slack -= n
	return ""
}

package sse

import (
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
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

// Outlet writes events to a TCP connection. Its methods are called by the session's shard, but for Watch.
type Outlet struct {
	socket.Stream

	// set at construction
	conn  net.Conn
	slack int // bytes that may still come from the client
	touch func()
}

// Bind names the member that the outlet belongs to.
func (o *Outlet) Bind(m *hub.Member) {
	o.Stream.Bind(m)
	o.touch = m.Touch
}

// Ping sends a heartbeat. A client can not answer it; a host that does not acknowledge it ends the connection, and one
// that takes nothing more has a backlog.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	o.touch()
	return o.Send(heartbeat, now)
}

// Close sends an event with the reason, behind the backlog if there is one, and ends the answer.
func (o *Outlet) Close(reason contract.Reason) {
	if reason == contract.ReasonSlowConsumer {
		o.Cut()
		return
	}
	last := frame.AppendEvent(nil, 0, closeEvent, strconv.AppendQuote(nil, string(reason)))
	o.Finish(last, closeWait, o.end)
}

// end tells the client that nothing more comes; it closes the connection then. To close it here could take what is on
// its way along.
func (o *Outlet) end() {
	if c, ok := o.conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite() //nolint:errcheck // it is closed then
	}
}

// slack is how much a client may send that has nothing to say: an empty line or two behind its request (RFC 9112 section
// 2.2), but no other request.
const slack = 8

// Watch waits for the end of the client, and then closes the member.
func (o *Outlet) Watch(m *hub.Member) {
	defer o.ReaderGone()
	reason := o.watch()
	m.Close(reason)
	if reason == contract.ReasonProtocolError {
		io.Copy(io.Discard, o.conn) //nolint:errcheck // until Close's time is over; what is unread would reset the connection
	}
}

func (o *Outlet) watch() contract.Reason {
	var p [slack]byte
	for o.slack >= 0 {
		n, err := o.conn.Read(p[:])
		if err != nil {
			return endOf(err)
		}
		o.slack -= n
	}
	return contract.ReasonProtocolError
}

// endOf says what a failed read means: the kernel gives up on a silent host with a timeout.
func endOf(err error) contract.Reason {
	if errors.Is(err, syscall.ETIMEDOUT) {
		return contract.ReasonHeartbeatTimeout
	}
	return contract.ReasonClosed
}

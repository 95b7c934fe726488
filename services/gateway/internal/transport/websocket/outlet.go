package websocket

import (
	"bytes"
	"errors"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Listener takes a text message of the client in the shard, where nothing may block. A reason other than "" ends the
// session. With wait, the socket is not read until hub.Member.Resume says that the client has its answer.
type Listener func(text []byte) (reason contract.Reason, wait bool)

// Farewell gives the frames that are sent before the close frame with a reason.
type Farewell func(contract.Reason) []byte

// Outlet is a WebSocket that its session's shard reads and writes.
type Outlet struct {
	socket.Stream

	// set at construction
	member *hub.Member
	ping   []byte   // what asks for a sign of life: a ping frame, or an Engine.IO ping
	hear   Listener // nil: text only marks activity
	binary func()   // is told of each binary message; nil: they only mark activity
	last   Farewell // nil: none
	most   int      // messages that the client may send in a second; 0: no limit

	// owned by the shard
	reader  rfc6455.Reader
	meter   admission.Meter
	unheard []byte // was read, but the client waits for an answer first
	waits   bool   // for that answer
}

// HearBinary has binary messages told, in the shard, where nothing may block. It is called before the outlet is bound.
func (o *Outlet) HearBinary(hear func()) *Outlet {
	o.binary = hear
	return o
}

// Bind names the member that the outlet belongs to.
func (o *Outlet) Bind(m *hub.Member) { o.member = m }

// Note takes an event. A client whose host takes more of a backlog is alive.
func (o *Outlet) Note(e socket.Event) contract.Reason {
	if e.Writable {
		o.member.Touch()
	}
	return o.Stream.Note(e)
}

// Wants says whether the socket is to be read. A client that does not take what it is sent, or waits for an answer, is
// not: its own host keeps what it sends meanwhile.
func (o *Outlet) Wants() bool {
	if o.Leaving() {
		return o.Arrived()
	}
	return !o.waits && !o.Backlogged() && (o.Arrived() || len(o.unheard) > 0)
}

// Resume has the socket read again.
func (o *Outlet) Resume() { o.waits = false }

// Read takes what the client says, up to the size of the buffer. Of the pings that are in it the last one is answered
// (RFC 6455 section 5.5.3). What comes after the session's end is read away, up to a close frame: a socket that is closed
// with something unread is reset, and what was on its way to the client may go with it.
func (o *Outlet) Read(buffer []byte, now time.Time) contract.Reason {
	said := o.unheard
	o.unheard = nil
	if len(said) == 0 {
		n, err := o.Stream.Read(buffer)
		if errors.Is(err, socket.ErrEmpty) {
			return ""
		}
		if err != nil {
			o.Ended()
			return socket.EndOf(err)
		}
		said = buffer[:n]
	}
	reason, pong := o.receive(said, now)
	if len(pong) > 0 && !o.Leaving() {
		if failed := o.Send(pong, now); reason == "" {
			reason = failed
		}
	}
	return reason
}

// receive takes what was read, message by message.
func (o *Outlet) receive(said []byte, now time.Time) (reason contract.Reason, pong []byte) {
	for len(said) > 0 && !o.waits && reason == "" {
		m, used, whole, err := o.reader.Next(said)
		said = said[used:]
		if o.meter.Exceeds(o.reader.Frames(), o.most, now) && !o.Leaving() {
			return contract.ReasonRateLimited, nil
		}
		switch {
		case err != nil:
			return reasonOf(err), pong
		case !whole:
			continue
		}
		o.member.TouchAt(now)
		switch m.Kind {
		case rfc6455.Ping:
			pong = frame.AppendPong(pong[:0], m.Data)
		case rfc6455.Close:
			o.Ended()
			return contract.ReasonClosed, pong
		case rfc6455.Binary:
			if o.binary != nil && !o.Leaving() {
				o.binary()
			}
		case rfc6455.Text:
			if o.hear != nil && !o.Leaving() {
				reason, o.waits = o.hear(m.Data)
			}
		}
	}
	if len(said) > 0 && reason == "" {
		o.unheard = bytes.Clone(said)
	}
	return reason, pong
}

// reasonOf gives the reason for closing a socket whose client breaks the protocol.
func reasonOf(err error) contract.Reason {
	var broken *rfc6455.Error
	if errors.As(err, &broken) {
		return broken.Reason
	}
	return contract.ReasonProtocolError
}

// SendPackets sends Engine.IO packets, each in a frame of its own.
func (o *Outlet) SendPackets(packets [][]byte, now time.Time) contract.Reason {
	var frames []byte
	for _, packet := range packets {
		frames = frame.AppendText(frames, packet)
	}
	if len(frames) == 0 {
		return ""
	}
	return o.Send(frames, now)
}

// Ping asks for a sign of life.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	return o.Send(o.ping, now)
}

// Close sends a close frame with the reason, behind the backlog if there is one. The connection closes when the client
// has answered (RFC 6455 section 7.1.1), or shortly after. A client that takes nothing is not waited for.
func (o *Outlet) Close(reason contract.Reason) {
	o.unheard, o.waits = nil, false
	if reason == contract.ReasonSlowConsumer || reason == contract.ReasonHeartbeatTimeout && o.Backlogged() {
		o.Cut()
		return
	}
	var last []byte
	if o.last != nil {
		last = o.last(reason)
	}
	o.Finish(frame.AppendClose(last, reason.CloseCode(), string(reason)), closeWait, nil)
}

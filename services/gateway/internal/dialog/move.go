package dialog

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
)

// Session gives what of the conversation goes on at another gateway. It is called as Packet is.
func (d *Dialog) Session() *contract.MovedSession {
	moved := &contract.MovedSession{Query: d.query.asQuery()}
	if s := d.begun(); s != nil {
		moved.Session, moved.ConnID, moved.User = s.ID, s.ConnID, s.User
		moved.Channels = s.Channels()
		moved.Namespaces = names(frame.Namespaces(d.spaces.Load()))
	}
	if d.revision4 {
		moved.Named, moved.Implicit, moved.From = d.named, d.implicit, d.from.Load()
	}
	return moved
}

// Opening says whether a namespace still gets what the client missed there alone: how far that has come does not move.
func (d *Dialog) Opening() bool {
	s := d.begun()
	return s != nil && s.Opening()
}

// Moved lets the conversation be one that began at another gateway. It is called before Bind.
func (d *Dialog) Moved(m *contract.MovedSession) {
	var spaces frame.Namespaces
	for _, namespace := range m.Namespaces {
		spaces |= bit(namespace)
	}
	d.spaces.Store(uint32(spaces))
	d.named, d.implicit = m.Named, m.Implicit
	d.from.Store(m.From)
	if q, err := url.ParseQuery(m.Query); err == nil {
		d.query = FromQuery(q)
	}
}

// GoOn brings a session that began at another gateway into force. The client, which has all up to the offset, notices
// nothing. A reason other than "" means that it is to be closed, and comes back by itself.
func (d *Dialog) GoOn(ctx context.Context, m *contract.MovedSession) contract.Reason {
	if m.ConnID == "" || m.Reason != "" {
		return m.Reason
	}
	s, err := d.config.Book.Attach(ctx, session.Credentials{ConnID: m.ConnID, User: m.User, Resume: true, Moved: m.Session}, "socket.io")
	if err != nil {
		d.say(ctx, err)
		return notGoneOn(err)
	}
	if err := d.name(s.User); err != nil {
		s.Abandon()
		d.say(ctx, err)
		return contract.ReasonUnavailable
	}
	if ended := d.begin(s); ended != "" {
		s.Abandon()
		return ended
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	ns := frame.Namespaces(d.spaces.Load())
	entrance := session.Entrance{
		Member: d.member, Namespaces: ns, Notify: d.notify, Notices: !d.revision4, Moved: true, Missed: d.missed(ns),
		Packets: func(o session.Outcome) [][]byte {
			now := s.Channels()
			packets := d.notify(without(now, m.Channels), without(m.Channels, now)) // what the app changed meanwhile
			if o.Missed {
				packets = append(packets, d.missed(ns)(m.Offset, o.Offset)...)
			}
			return packets
		},
	}
	if m.Offset > 0 {
		entrance.Since = &m.Offset
	}
	if err := s.Enter(ctx, entrance); errors.Is(err, context.DeadlineExceeded) {
		return contract.ReasonUnavailable
	} else if err != nil {
		return contract.ReasonClosed
	}
	return ""
}

// notGoneOn is why a session ends that presence does not let go on: while it moved, a newer socket took the connection, or the app
// disconnected it.
func notGoneOn(err error) contract.Reason {
	var fault *contract.Fault
	errors.As(err, &fault)
	switch {
	case fault != nil && fault.Code == contract.CodeConflict:
		return contract.ReasonReplaced
	case fault != nil && fault.Code == contract.CodeInvalid:
		return contract.ReasonDisconnected
	}
	return contract.ReasonUnavailable
}

// without gives the names that are not among others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

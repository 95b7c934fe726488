package dialog

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/shared/contract"
)

// Socket.IO protocol 4, of clients 1.x and 2.x:
//
//	client                                         gateway
//	                                       ◄──────  0                      every client is in /, without asking
//	  0/stream?username=…&sig=…,           ──────►  in the URL's query as well
//	                                       ◄──────  0/stream,              or 4/stream,"why not"
//
// Messages that come to / while the client is about to ask for /stream are heard by nobody. So a client is connected to / only when
// it has asked for nothing for a while; and when it asks for /stream all the same before it has said something in /, it gets them
// once more there, and no longer in /. It has no sid, and recovers nothing: an offset that comes with an event is not kept.
//
// Source: Socket.IO protocol 4 (socket.io-protocol, revision 4).

// ConnectRoot connects a client of protocol 4, or of 0.9, to / unless it has asked for a namespace. It is called as Packet is.
func (d *Dialog) ConnectRoot(ctx context.Context) contract.Reason {
	if d.named || d.member.Why() != "" {
		return ""
	}
	d.deaf.Store(time.Now().Add(deafFor).UnixNano())
	reason := d.connect(ctx, nil, socketio.Packet{Type: socketio.Connect, Namespace: socketio.Root})
	d.implicit = frame.Namespaces(d.spaces.Load())&frame.Root != 0
	return reason
}

// deafFor is how long it counts as possible that nobody listens in / to a client that the server has connected there.
const deafFor = 10 * time.Second

// hears ends that: the client has shown where it listens.
func (d *Dialog) hears() {
	d.implicit = false
	d.deaf.Store(0)
}

// heard is how far the client has come that was sent all up to an offset.
func (d *Dialog) heard(offset uint64) uint64 {
	if time.Now().UnixNano() < d.deaf.Load() {
		return min(offset, d.from.Load())
	}
	return offset
}

// welcome4 answers a connect packet. A client that asks for another namespace is told of / as well.
func (d *Dialog) welcome4(namespace string, o session.Outcome) [][]byte {
	packets := d.connected(frame.RootNamespace, "", "")
	if namespace != frame.RootNamespace {
		packets = append(packets, d.connected(namespace, "", "")...)
	}
	return append(packets, d.toldMissed(namespace, o)...)
}

// toldMissed tells a client that it does not get all that it missed, if so.
func (d *Dialog) toldMissed(namespace string, o session.Outcome) [][]byte {
	if !o.Missed {
		return nil
	}
	return [][]byte{missedPacket(d.speaks, namespace, o.Since, 0)}
}

// moveTo moves a client that the server had connected to / to the namespace that it asks for late. What was sent to / comes there again.
func (d *Dialog) moveTo(ctx context.Context, s *session.Session, namespace string) contract.Reason {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	only, from := bit(namespace), d.from.Load()
	d.spaces.Store(uint32(only))
	err := s.Open(ctx, session.Opening{
		Namespace: only, InsteadOf: frame.Root, Since: &from, Missed: d.missed(only),
		Packets: func(o session.Outcome) [][]byte {
			return append(d.connected(namespace, "", ""), d.toldMissed(namespace, o)...)
		},
	})
	if err != nil {
		return contract.ReasonClosed
	}
	d.hears()
	return ""
}

// speaksIn says whether the client may say something in a namespace. A client of protocol 4 is in /, and listens there from its first
// word on.
func (d *Dialog) speaksIn(ctx context.Context, namespace string) bool {
	spaces := frame.Namespaces(d.spaces.Load())
	ns := bit(namespace)
	if d.revision4 && ns == frame.Root && spaces != 0 {
		d.hears()
		if spaces&ns == 0 {
			d.spaces.Store(uint32(spaces | ns))
			return d.member.Change(ctx, hub.Change{Open: ns}) == nil
		}
	}
	return spaces&ns != 0
}

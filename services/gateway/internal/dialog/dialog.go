// Package dialog holds the Socket.IO conversation of one Engine.IO session: connecting to namespaces, joining and
// leaving channels, refusals.
//
//	client                                         gateway
//	  0/stream,{"conn_id":"…"}             ──────►  attach; or username and sig, here or in the URL's query
//	  ◄──────  0/stream,{"sid":"…"}                 or 4/stream,{"message":"why not"}
//	  2/stream,1["join",["a","b"]]         ──────►  what the user may join
//	  ◄──────  2/stream,["join",["a"]]  3/stream,1[["a"]]
//	  ◄──────  2/stream,["message",[{…}]]
//
// A session has one connection; both namespaces, when a client connects to both, get its messages.
//
// Source: Socket.IO protocol 5, section "Exchange protocol". Clients of protocol 4 differ; see revision4.go.
package dialog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/pace"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/shared/contract"
)

// Config is what all dialogs of a gateway share.
type Config struct {
	Book        *session.Book
	Verify      func(signature, user string) error // the `sig` of a client
	MaxChannels int                                // in one join or leave
	MaxChannel  int                                // characters in a name
	MaxUser     int
	MaxConnID   int
	Timeout     time.Duration // of one request to presence
	Pace        *pace.Pace    // of refusals
	Logger      *slog.Logger
}

// Dialog is one conversation. Its packets come one at a time.
type Dialog struct {
	// set at construction
	config *Config
	speaks Protocol
	query  Credentials
	name   func(user string) error // says whose conversation it is; an error for a user who has too many
	member *hub.Member
	began  time.Time // with the client's handshake

	revision4 bool          // the client speaks Socket.IO protocol 4; see revision4.go
	named     bool          // it has asked for a namespace; owned by who hands packets on
	implicit  bool          // it is connected to / by the server alone, and has said nothing there; as named
	deaf      atomic.Int64  // nanoseconds until which it may not listen there yet, being about to ask for another namespace; any goroutine
	from      atomic.Uint64 // where it was when it connected first; any goroutine

	left   frame.Namespaces                   // the client said that it leaves these; as named
	opened map[frame.Namespaces]chan struct{} // beside the first one; closed when the client leaves it; as named

	spaces atomic.Uint32 // frame.Namespaces that are connected; any goroutine

	mu       sync.Mutex       // is not held while presence is asked
	session  *session.Session // nil before the client is connected; guarded by mu
	refusals []*waitingPacket // that wait for their time; guarded by mu
}

// New begins a conversation in a protocol. query are the credentials of the handshake's URL. Bind must be called before the
// first packet.
func New(c *Config, p Protocol, query Credentials, name func(user string) error) *Dialog {
	_, revision4 := p.(SocketIO4)
	return &Dialog{config: c, speaks: p, revision4: revision4, query: query, name: name, began: time.Now()}
}

// Bind names the member that the conversation belongs to.
func (d *Dialog) Bind(m *hub.Member) { d.member = m }

// Connected says whether the client is connected to a namespace.
func (d *Dialog) Connected() bool { return d.spaces.Load() != 0 }

// ConnectedTo says whether the client is connected to this one.
func (d *Dialog) ConnectedTo(namespace string) bool {
	return frame.Namespaces(d.spaces.Load())&bit(namespace) != 0
}

// End is called when the member is over, with how far its client has come. It does not block. A session that is being
// attached then is given up when presence has answered.
func (d *Dialog) End(reason contract.Reason, offset uint64) {
	if s := d.begun(); s != nil {
		s.End(reason, d.heard(offset))
	}
}

// begun gives the session of a client that is connected, else nil.
func (d *Dialog) begun() *session.Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session
}

// begin keeps the session, unless the member is over: then it gives the reason.
func (d *Dialog) begin(s *session.Session) contract.Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	why := d.member.Why()
	if why == "" {
		d.session = s // a member that ends from now on ends it
	}
	return why
}

// Farewell gives the packets that tell a client not to come back by itself, where that is so.
func (d *Dialog) Farewell(reason contract.Reason) [][]byte {
	if !reason.Final() {
		return nil
	}
	var packets [][]byte
	for _, ns := range names(frame.Namespaces(d.spaces.Load())) {
		packets = append(packets, d.speaks.Disconnected(ns))
	}
	return packets
}

// names gives the namespaces of a set.
func names(set frame.Namespaces) []string {
	var list []string
	if set&frame.Root != 0 {
		list = append(list, frame.RootNamespace)
	}
	if set&frame.Stream != 0 {
		list = append(list, frame.StreamNamespace)
	}
	return list
}

// bit gives the bit of a namespace, 0 for one that is not served.
func bit(namespace string) frame.Namespaces {
	switch namespace {
	case frame.RootNamespace:
		return frame.Root
	case frame.StreamNamespace:
		return frame.Stream
	}
	return 0
}

// Packet takes one Socket.IO packet from the client, as it is written since protocol 5. A reason other than "" means that
// the session is to be closed.
func (d *Dialog) Packet(ctx context.Context, data []byte) contract.Reason {
	p, err := socketio.Decode(data)
	if err != nil {
		return contract.ReasonProtocolError
	}
	return d.Receive(ctx, p)
}

// Receive is Packet for one that is decoded, whatever it was written like.
func (d *Dialog) Receive(ctx context.Context, p socketio.Packet) contract.Reason {
	if why := d.member.Why(); why != "" {
		return why
	}
	s := d.begun()
	if p.Type == socketio.Connect {
		return d.connect(ctx, s, p) // it may wait in line
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	switch p.Type {
	case socketio.Disconnect:
		return d.disconnect(ctx, p)
	case socketio.Event, socketio.BinaryEvent:
		return d.event(ctx, s, p)
	case socketio.Ack, socketio.BinaryAck:
		return "" // nothing of ours asks for one
	}
	return contract.ReasonProtocolError
}

// disconnect takes the client out of a namespace. One that is in none any more has left: a stock client says so when its page asks
// it to, but not when the page goes.
func (d *Dialog) disconnect(ctx context.Context, p socketio.Packet) contract.Reason {
	ns, before := bit(p.Namespace), frame.Namespaces(d.spaces.Load())
	switch {
	case before&ns == 0:
		return "" // it was in none of that name
	case before == ns:
		return contract.ReasonLeft
	}
	d.spaces.Store(uint32(before &^ ns))
	d.left |= ns
	if left, open := d.opened[ns]; open {
		close(left)
		delete(d.opened, ns)
	}
	if err := d.member.Change(ctx, hub.Change{Close: ns}); err != nil {
		return contract.ReasonClosed
	}
	return ""
}

// event does what the client asks for. An event in a namespace that is not connected breaks the protocol.
func (d *Dialog) event(ctx context.Context, s *session.Session, p socketio.Packet) contract.Reason {
	if !d.speaksIn(ctx, p.Namespace) {
		return contract.ReasonProtocolError
	}
	name, args, err := socketio.DecodeEvent(p.Data)
	if err != nil {
		return contract.ReasonProtocolError
	}
	var do func(context.Context, []string, func([]string) [][]byte) error
	switch name {
	case "join":
		do = s.Join
	case "leave":
		do = s.Leave
	default:
		if p.ID != socketio.NoID {
			d.member.Send(d.speaks.Ack(p.Namespace, p.ID))
		}
		return ""
	}
	answer := func(named []string) [][]byte { return d.answerPackets(p, name, named) }
	channels := d.channels(args)
	if len(channels) > 0 {
		err = do(ctx, channels, answer)
	}
	if len(channels) == 0 || err != nil {
		for _, packet := range answer(nil) {
			d.member.Send(packet)
		}
	}
	if err != nil && !errors.Is(err, hub.ErrClosed) {
		d.config.Logger.DebugContext(ctx, "a client's request failed", "event", name, "error", err)
	}
	return ""
}

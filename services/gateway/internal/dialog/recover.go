package dialog

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/shared/contract"
)

// Connection state recovery, as stock clients do it since 4.6. The client gets a private id (pid) when it connects, and
// takes the last argument of an event, if it is a string, for its offset. When it comes back it sends both; it takes
// itself for recovered when it gets the same pid again.
//
//	  ◄──────  0/stream,{"sid":"S","pid":"P"}
//	  ◄──────  2/stream,["message",[{…}],"41"]
//	(the network fails)
//	  0/stream,{"pid":"P","offset":"41"}   ──────►  any gateway
//	  ◄──────  0/stream,{"sid":"S","pid":"P"}      and what came after 41; or a new pid and ["missed",{…}]
//	  0{"pid":"Q","offset":"40"}           ──────►
//	  ◄──────  0{"sid":"S","pid":"Q"}              and there what came after 40
//
// Each namespace has a pid and an offset of its own. Another than the first goes on where it stopped if that was on the same
// connection.
//
// Everything that any gateway needs is in the pid: the connection, the sid, and the offset at which the client connected,
// for one that has got nothing yet. It is no password: the credentials are checked as for any client.

// earlier is a client's earlier session, as it says.
type earlier struct {
	pid    string
	connID string
	sid    string
	since  uint64
	told   int  // events of the message right behind since
	here   bool // its connection is still there
}

// pidOf writes a private id.
func pidOf(connID, sid string, offset uint64) string {
	return contract.EncodeToken(connID) + "." + sid + "." + strconv.FormatUint(offset, 10)
}

// recoveryOf reads what the connect packet says of an earlier session; nil for nothing that could be one.
func recoveryOf(p socketio.Packet) *earlier {
	var r Recovery
	if len(p.Data) == 0 || json.Unmarshal(p.Data, &r) != nil || r.PID == "" {
		return nil
	}
	parts := strings.Split(r.PID, ".")
	if len(parts) != 3 || !plain(parts[1]) {
		return nil
	}
	connID, err := contract.DecodeToken(parts[0])
	if err != nil || connID == "" {
		return nil
	}
	offset := r.Offset
	if offset == "" {
		offset = parts[2]
	}
	since, told, err := frame.ParseOffset(offset)
	if err != nil {
		return nil
	}
	return &earlier{pid: r.PID, connID: connID, sid: parts[1], since: since, told: told}
}

// plain says whether a sid could be one of ours.
func plain(sid string) bool {
	return sid != "" && len(sid) <= 64 && strings.Trim(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// attach attaches the connection of an earlier session, if it is there and the client's own, or else the one that the
// credentials say.
func (d *Dialog) attach(ctx context.Context, who session.Credentials, before *earlier) (*session.Session, *earlier, error) {
	who.Opened = d.began
	if before == nil || who.ConnID != "" && who.ConnID != before.connID {
		s, err := d.config.Book.Attach(ctx, who, "socket.io")
		return s, before, err
	}
	again := session.Credentials{ConnID: before.connID, User: who.User, Resume: true, Opened: d.began}
	s, err := d.config.Book.Attach(ctx, again, "socket.io")
	var fault *contract.Fault
	if err != nil && errors.As(err, &fault) && fault.Code == contract.CodeInvalid && who.ConnID == "" {
		s, err = d.config.Book.Attach(ctx, who, "socket.io")
		return s, before, err
	}
	before.here = err == nil && !s.Left
	return s, before, err
}

// welcome answers a connect packet: with the ids that the client had, if it gets everything since then.
func (d *Dialog) welcome(s *session.Session, namespace string, before *earlier, o session.Outcome) [][]byte {
	if o.Resumed {
		return d.connected(namespace, before.sid, before.pid)
	}
	packets := d.connected(namespace, s.ID, pidOf(s.ConnID, s.ID, o.Offset))
	switch {
	case before != nil:
		packets = append(packets, missedPacket(d.speaks, namespace, before.since, 0))
	case o.Missed:
		packets = append(packets, missedPacket(d.speaks, namespace, o.Since, 0))
	}
	return packets
}

// connected tells a client that a namespace is open, unless its protocol leaves that out.
func (d *Dialog) connected(namespace, sid, pid string) [][]byte {
	if packet := d.speaks.Connected(namespace, sid, pid); packet != nil {
		return [][]byte{packet}
	}
	return nil
}

// missed tells the client what it missed: in the namespaces that are handed over to it, with the place from which they go on, or
// else in all. It lives as long as the session, so it holds nothing of a packet.
func (d *Dialog) missed(handedOver frame.Namespaces) hub.Missed {
	return func(since, offset uint64) (packets [][]byte) {
		in := handedOver
		if offset == 0 {
			in = frame.Namespaces(d.spaces.Load())
		}
		if d.revision4 {
			offset = 0
		}
		for _, ns := range names(in) {
			packets = append(packets, missedPacket(d.speaks, ns, since, offset))
		}
		return packets
	}
}

// missedPacket tells a client that it has not got all that it missed, and from where it goes on; 0: its pid says that.
func missedPacket(p Protocol, namespace string, since, offset uint64) []byte {
	about := strconv.AppendUint([]byte(`{"type":"`+contract.TypeMissed+`","channel":null,"since":`), since, 10)
	args := []json.RawMessage{append(about, '}')}
	if offset > 0 {
		args = append(args, strconv.AppendQuote(nil, strconv.FormatUint(offset, 10)))
	}
	return p.Event(namespace, contract.TypeMissed, args...)
}

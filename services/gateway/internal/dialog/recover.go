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
//
// Everything that any gateway needs is in the pid: the connection, the sid, and the offset at which the client connected,
// for one that has got nothing yet. It is no password: the credentials are checked as for any client.

// earlier is a client's earlier session, as it says.
type earlier struct {
	pid    string
	connID string
	sid    string
	since  uint64
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
	since, err := strconv.ParseUint(offset, 10, 64)
	if err != nil {
		return nil
	}
	return &earlier{pid: r.PID, connID: connID, sid: parts[1], since: since}
}

// plain says whether a sid could be one of ours.
func plain(sid string) bool {
	return sid != "" && len(sid) <= 64 && strings.Trim(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// attach attaches the connection of an earlier session, if it is there and the client's own, or else the one that the
// credentials say.
func (d *Dialog) attach(ctx context.Context, who session.Credentials, before *earlier) (*session.Session, *earlier, error) {
	if before == nil || who.ConnID != "" && who.ConnID != before.connID {
		s, err := d.config.Book.Attach(ctx, who, "socket.io")
		return s, before, err
	}
	again := session.Credentials{ConnID: before.connID, User: who.User, Resume: true}
	s, err := d.config.Book.Attach(ctx, again, "socket.io")
	var fault *contract.Fault
	if err != nil && errors.As(err, &fault) && fault.Code == contract.CodeInvalid && who.ConnID == "" {
		s, err = d.config.Book.Attach(ctx, who, "socket.io")
		return s, before, err
	}
	before.here = err == nil
	return s, before, err
}

// welcome answers a connect packet: with the ids that the client had, if it gets everything since then.
func (d *Dialog) welcome(s *session.Session, namespace string, before *earlier, o session.Outcome) [][]byte {
	if o.Resumed {
		return [][]byte{d.connected(namespace, before.sid, before.pid)}
	}
	packets := [][]byte{d.connected(namespace, s.ID, pidOf(s.ConnID, s.ID, o.Offset))}
	if before != nil {
		packets = append(packets, missedPacket(namespace, before.since, 0))
	}
	return packets
}

func (d *Dialog) connected(namespace, sid, pid string) []byte {
	return socketio.AppendConnect([]byte{'4'}, namespace, sid, pid)
}

// missed tells the client of a namespace what it missed. It lives as long as the session, so it holds nothing of a packet.
func missed(ns frame.Namespaces) hub.Missed {
	return func(since, offset uint64) [][]byte { return [][]byte{missedPacket(names(ns)[0], since, offset)} }
}

// missedPacket tells a client that it has not got all that it missed, and from where it goes on; 0: its pid says that.
func missedPacket(namespace string, since, offset uint64) []byte {
	about := strconv.AppendUint([]byte(`{"type":"`+contract.TypeMissed+`","channel":null,"since":`), since, 10)
	args := []json.RawMessage{append(about, '}')}
	if offset > 0 {
		args = append(args, strconv.AppendQuote(nil, strconv.FormatUint(offset, 10)))
	}
	return socketio.AppendEvent([]byte{'4'}, namespace, contract.TypeMissed, args...)
}

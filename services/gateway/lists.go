package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// The plain ways in: a client that is named by a conn_id gets bare lists.

// visitor is a client of a plain way in.
type visitor struct {
	connID  string
	since   *uint64 // where it says that it stopped; nil: it does not say
	notices bool    // it keeps offsets, and is told of them also when it gets nothing
}

// admit reads who a client is, or says why it may not come in. transport is the setting that offers the way.
func (s *Service) admit(r *http.Request, transport string) (visitor, *contract.Fault) {
	query := r.URL.Query()
	v := visitor{connID: contract.CanonicalID(query.Get("conn_id")), notices: query.Has("since")}
	switch {
	case !slices.Contains(s.config.Settings.Clients.Transports, transport):
		return v, &contract.Fault{Code: contract.CodeNotFound, Message: "This way of connecting is switched off here."}
	case !s.origins.allowed(r):
		return v, &contract.Fault{Code: contract.CodeForbidden, Message: "Pages of this origin may not connect."}
	case v.connID == "":
		return v, contract.Invalid("conn_id", "Missing data for required field.")
	case s.refuse() != "":
		return v, contract.Unavailable("This gateway is draining; connect again.")
	}
	if text := query.Get("since"); text != "" {
		return v, v.goesOn("since", text)
	}
	return v, nil
}

// goesOn reads the offset after which a client goes on.
func (v *visitor) goesOn(field, text string) *contract.Fault {
	since, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return contract.Invalid(field, "Not an offset.")
	}
	v.since, v.notices = &since, true
	return nil
}

func (v *visitor) credentials() session.Credentials {
	return session.Credentials{ConnID: v.connID, Resume: v.notices}
}

// enter opens a session for a visitor on an outlet; on an error the member is closed.
func (s *Service) enter(ctx context.Context, v visitor, o hub.Outlet, w frame.Way, transport string) (*hub.Member, error) {
	attached, err := s.book.Attach(ctx, v.credentials(), transport)
	if err != nil {
		return nil, err
	}
	m := s.hub.Open(o, w, transport, attached.End)
	err = attached.Enter(ctx, session.Entrance{
		Member: m, Since: v.since, Notices: v.notices, Keeps: v.notices, Packets: v.greeting,
	})
	if err != nil {
		m.Close(contract.ReasonClosed)
		return nil, err
	}
	return m, nil
}

// greeting is what a client gets first: that it does not get everything since it stopped, if that is so, and where it
// begins, if it did not know.
func (v *visitor) greeting(o session.Outcome) [][]byte {
	var lists [][]byte
	if o.Missed {
		missed := strconv.AppendUint([]byte(`[{"type":"`+contract.TypeMissed+`","channel":null,"since":`), *v.since, 10)
		lists = append(lists, append(missed, "}]"...))
	}
	if v.notices && !o.Resumed && o.Offset > 0 {
		lists = append(lists, frame.OffsetList(o.Offset))
	}
	return lists
}

// plainSocket opens a WebSocket: GET /ws?conn_id=…&since=…
func (s *Service) plainSocket(w http.ResponseWriter, r *http.Request) {
	v, fault := s.admit(r, settings.TransportWebSocket)
	if fault == nil && !gorilla.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		fault = &contract.Fault{Code: contract.CodeMalformed, Message: "This path is opened as a WebSocket."}
	}
	if fault != nil {
		writeFault(w, fault)
		return
	}
	waiting := s.sockets.Waiting()
	m, err := s.enter(r.Context(), v, waiting, frame.Lists, "ws")
	if err != nil {
		s.writeError(w, err)
		return
	}
	opened, err := s.sockets.Upgrade(w, r)
	if err != nil {
		m.Close(contract.ReasonClosed)
		return // Upgrade has answered
	}
	outlet := opened.Plain()
	m.Switch(outlet, opened.Way(frame.Lists), "ws", func() contract.Reason {
		return waiting.Forward(outlet, time.Now())
	})
	go outlet.Read(m, nil) // ends with the connection
}

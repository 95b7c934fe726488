package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// The plain ways in: a client that is named by a conn_id gets bare lists.

// visitor is a client of a plain way in.
type visitor struct {
	connID string
	since  *uint64 // where it says that it stopped; nil: it does not say
	keeps  bool    // it keeps offsets itself
	began  uint64  // where its session began; 0: not known
}

// lastEventID is the header in which an EventSource says where it stopped (WHATWG HTML, section "Server-sent events").
const lastEventID = "Last-Event-ID"

// admit reads who a client is, or says why it may not come in. transport is the setting that offers the way.
func (s *Service) admit(r *http.Request, transport string) (*visitor, *contract.Fault) {
	query := r.URL.Query()
	v := &visitor{connID: contract.CanonicalID(query.Get("conn_id")), keeps: query.Has("since")}
	switch {
	case !slices.Contains(s.config.Settings.Clients.Transports, transport):
		return v, &contract.Fault{Code: contract.CodeNotFound, Message: "This way of connecting is switched off here."}
	case !s.admitsOrigin(r):
		return v, &contract.Fault{Code: contract.CodeForbidden, Message: "Pages of this origin may not connect."}
	case v.connID == "":
		return v, contract.Invalid("conn_id", "Missing data for required field.")
	case s.draining.Load():
		return v, contract.Unavailable("This gateway is draining; connect again.")
	}
	// An EventSource comes back to the same URL, so what the URL says is older.
	if text := r.Header.Get(lastEventID); text != "" && transport == settings.TransportSSE {
		return v, v.goesOn(lastEventID, text)
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
	v.since, v.keeps = &since, true
	return nil
}

func (v *visitor) credentials() session.Credentials {
	return session.Credentials{ConnID: v.connID, Resume: v.keeps}
}

// wayOut is how lists go out to a visitor.
type wayOut struct {
	ticket    *admission.Ticket
	outlet    hub.Outlet
	way       frame.Way
	transport string                    // as metrics name it
	ending    func(end closing) closing // does more than end the session when the member was closed; nil: nothing more
}

// closing is called when a member was closed, with how far its client has come.
type closing = func(reason contract.Reason, offset uint64)

// enter opens a session for a visitor; on an error the member is closed, and the ticket is the caller's again.
func (s *Service) enter(ctx context.Context, v *visitor, e wayOut) (*hub.Member, error) {
	attached, err := s.book.Attach(ctx, v.credentials(), e.transport)
	if err != nil {
		return nil, err
	}
	end := func(reason contract.Reason, offset uint64) {
		e.ticket.Return()
		attached.End(reason, offset)
	}
	if err := e.ticket.Name(attached.User); err != nil {
		attached.Abandon()
		return nil, s.refused(err)
	}
	if e.ending != nil {
		end = e.ending(end)
	}
	m := s.hub.Open(e.outlet, e.way, e.transport, end)
	err = attached.Enter(ctx, session.Entrance{
		Member: m, Since: v.since,
		Notices: v.keeps && e.way == frame.Lists || e.way == frame.Events,
		Packets: func(o session.Outcome) [][]byte { return v.begins(o, e.way) },
		Missed:  missed(e.way, v.keeps),
	})
	if err != nil {
		m.Close(contract.ReasonClosed)
		return nil, err
	}
	return m, nil
}

// begins is what comes first: it tells the client, if it is so, that it does not get everything since it stopped, and
// one that keeps offsets, from where it goes on.
func (v *visitor) begins(o session.Outcome, w frame.Way) [][]byte {
	v.began = o.Offset
	switch {
	case o.Missed:
		return missed(w, v.keeps)(o.Since, o.Offset)
	case w == frame.Events && o.Offset > 0:
		return [][]byte{frame.AppendOffset(nil, frame.EventStream, o.Offset)}
	case w == frame.Lists && v.keeps && !o.Resumed && o.Offset > 0:
		return [][]byte{frame.OffsetList(o.Offset)}
	}
	return nil
}

// missed tells a client that it does not get everything behind since, and one that keeps offsets, from where it goes on. It
// lives as long as the session, so it holds nothing of the request.
func missed(w frame.Way, keeps bool) hub.Missed {
	return func(since, offset uint64) [][]byte {
		list := fmt.Appendf(nil, `[{"type":%q,"channel":null,"since":%d}]`, contract.TypeMissed, since)
		switch {
		case w == frame.Events:
			return [][]byte{frame.AppendEvent(nil, offset, frame.Event, list)}
		case w == frame.Lists && keeps && offset > 0:
			return [][]byte{list, frame.OffsetList(offset)}
		}
		return [][]byte{list}
	}
}

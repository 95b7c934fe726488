package gateway

import (
	"net/http"

	gorilla "github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// plainSocket opens a WebSocket: GET /ws?conn_id=…&since=…
func (s *Service) plainSocket(w http.ResponseWriter, r *http.Request) {
	v, fault := s.admit(r, settings.TransportWebSocket)
	upgrade := gorilla.IsWebSocketUpgrade(r)
	if fault == nil && !upgrade {
		w.Header().Set("Upgrade", "websocket")
		fault = &contract.Fault{Code: contract.CodeMalformed, Message: "This path is opened as a WebSocket."}
	}
	if fault != nil && (!upgrade || forGood(fault) == "") {
		s.refuseRequest(w, r, "ws", fault)
		return
	}
	ticket, full := s.ticket(r)
	if full != nil {
		s.refuseRequest(w, r, "ws", full)
		return
	}
	if fault != nil {
		s.refuseSocket(w, r, ticket, fault)
		return
	}
	waiting := hub.NewWaiting(s.backlog.BacklogBytes)
	m, err := s.enter(r.Context(), v, wayOut{ticket: ticket, outlet: waiting, way: frame.Lists, transport: "ws"})
	if err != nil {
		s.refuseSocket(w, r, ticket, err)
		return
	}
	opened, err := s.sockets.Upgrade(w, r)
	if err != nil {
		s.log.DebugContext(r.Context(), notIn, "way", "ws", "reason", err)
		m.Close(contract.ReasonClosed)
		return // Upgrade has answered
	}
	waiting.Move(m, opened.Plain(), opened.Way(frame.Lists), "ws")
}

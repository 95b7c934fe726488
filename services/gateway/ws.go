package gateway

import (
	"net/http"

	gorilla "github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// plainSocket opens a WebSocket: GET /ws?conn_id=…&since=…
func (s *Service) plainSocket(w http.ResponseWriter, r *http.Request) {
	v, fault := s.admit(r, settings.TransportWebSocket)
	if fault == nil && !gorilla.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		fault = &contract.Fault{Code: contract.CodeMalformed, Message: "This path is opened as a WebSocket."}
	}
	var ticket *admission.Ticket
	if fault == nil {
		ticket, fault = s.ticket(r)
	}
	if fault != nil {
		edge.WriteFault(w, s.faultOf("ws", fault))
		return
	}
	waiting := hub.NewWaiting(s.backlog.BacklogBytes)
	m, err := s.enter(r.Context(), v, wayOut{ticket: ticket, outlet: waiting, way: frame.Lists, transport: "ws"})
	if err != nil {
		edge.WriteFault(w, s.faultOf("ws", err))
		return
	}
	opened, err := s.sockets.Upgrade(w, r)
	if err != nil {
		s.log.Debug(notIn, "way", "ws", "reason", err)
		m.Close(contract.ReasonClosed)
		return // Upgrade has answered
	}
	waiting.Move(m, opened.Plain(), opened.Way(frame.Lists), "ws")
}

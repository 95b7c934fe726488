package websocket

import (
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Outlet writes WebSocket frames to a TCP connection. Its methods are called by the session's shard, but for Read.
type Outlet struct {
	socket.Stream

	// set at construction
	ws       *websocket.Conn // reads
	conn     net.Conn
	maxFrame int64
	ping     []byte // what asks for a sign of life: a ping frame, or an Engine.IO ping
	last     Farewell
}

// Farewell gives the frames that are sent before the close frame with a reason.
type Farewell func(contract.Reason) []byte

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
	if reason == contract.ReasonSlowConsumer || reason == contract.ReasonHeartbeatTimeout && o.Backlogged() {
		o.Cut()
		return
	}
	o.Finish(frame.AppendClose(o.last(reason), reason.CloseCode(), string(reason)), closeWait, nil)
}

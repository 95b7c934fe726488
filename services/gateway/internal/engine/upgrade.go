package engine

import (
	"bytes"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/contract"
)

func (e *Engine) openSocket(w http.ResponseWriter, r *http.Request, ticket *admission.Ticket) {
	ws, err := e.config.Sockets.Upgrade(w, r)
	if err != nil {
		e.say(r, err)
		ticket.Return()
		return // Upgrade has answered
	}
	c := e.newConversation(r, ticket, e.config.Peers.NewID())
	c.way = bySocket
	m := e.config.Hub.Open(ws.Packets(c.frame, c.farewell).HearBinary(c.dialog.Binary), ws.Way(c.through(frame.Packets)), websocketTransport, c.ended)
	c.begin(m)
	m.Send(c.open()) // now that its sid is known
	m.Resume("")
}

// farewell gives the frames of the last packets before a close. If the session ended while the client moved here, those
// are the ones that it did not poll for.
func (c *conversation) farewell(reason contract.Reason) []byte {
	var frames []byte
	for _, packet := range c.lastPackets(reason) {
		frames = frame.AppendText(frames, packet)
	}
	return frames
}

// lastPackets gives those before a close.
func (c *conversation) lastPackets(reason contract.Reason) [][]byte {
	if c.polls != nil {
		if left := c.polls.Left(); left != nil {
			return c.split(left)
		}
	}
	return c.dialog.Farewell(reason)
}

// frame takes one text frame from the client, in the shard. A message may lead to questions to presence, so it is worked on
// elsewhere, and the next frame waits.
func (c *conversation) frame(data []byte) (reason contract.Reason, wait bool) {
	p, err := c.decodeFrame(data)
	if err != nil {
		return contract.ReasonProtocolError, false
	}
	if p.Type != engineio.Message {
		return c.signal(p), false
	}
	p.Data = bytes.Clone(p.Data)
	dialog.Later(&c.inbound, c.member, p, c.packet)
	return "", true
}

// split gives the packets of a payload.
func (c *conversation) split(payload []byte) [][]byte {
	if len(payload) == 0 {
		return nil
	}
	if c.revision3 {
		return engineio.SplitRecords(payload)
	}
	return bytes.Split(payload, []byte{engineio.Separator})
}

// upgrade moves a polling session to a WebSocket: the client probes the socket, the poll that waits is let go, and
// when the client says so, packets take the new way. A socket beside the one that is tried, or used, is accepted and closed:
// a browser can not read a refusal.
func (c *conversation) upgrade(w http.ResponseWriter, r *http.Request) {
	if !c.try() {
		c.engine.dismiss(w, r)
		return
	}
	ws, err := c.engine.config.Sockets.Upgrade(w, r)
	if err != nil { // Upgrade has answered
		c.engine.say(r, err)
		c.tried(polls)
		return
	}
	go c.probe(ws) // ends after two heartbeats at the latest, or with the connection
}

// dismiss accepts a WebSocket of a session that has one already, or tries one, and closes it.
func (e *Engine) dismiss(w http.ResponseWriter, r *http.Request) {
	ws, err := e.config.Sockets.Upgrade(w, r)
	if err != nil { // Upgrade has answered
		e.say(r, err)
		return
	}
	e.say(r, engineio.BadRequest)
	go ws.Dismiss(contract.ReasonProtocolError) // ends when the client has answered, or not for long
}

// try begins to try a socket, unless that is done already or another one is tried.
func (c *conversation) try() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.way != polls {
		return false
	}
	c.way = trying
	return true
}

// tried ends that.
func (c *conversation) tried(now way) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.way, c.probing = now, nil
}

func (c *conversation) probe(ws *websocket.Socket) {
	if !c.expect(ws, engineio.Ping, engineio.Probe) {
		c.tried(polls)
		ws.Close()
		return
	}
	c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Drain(); return "" }) // a poll behind the pong finds it so
	err := ws.WriteDirect(pong())
	if err != nil || !c.expect(ws, engineio.Upgrade, "") {
		c.tried(polls)
		c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Resume(); return "" })
		ws.Close()
		return
	}
	c.tried(bySocket)
	c.member.Use(func(hub.Outlet) contract.Reason { c.polls.Fetched(); return "" }) // or else it would not have said so
	outlet := ws.Packets(c.frame, c.farewell).HearBinary(c.dialog.Binary)
	c.member.Switch(outlet, ws.Way(c.through(frame.Packets)), websocketTransport, func() contract.Reason {
		return outlet.SendPackets(c.split(c.polls.Take()), time.Now())
	})
	c.member.Resume("")
}

// pong answers the probe of a socket.
func pong() []byte {
	return engineio.AppendText(nil, engineio.Packet{Type: engineio.Pong, Data: []byte(engineio.Probe)})
}

// expect reads the one packet that may come now.
func (c *conversation) expect(ws *websocket.Socket, t engineio.PacketType, data string) bool {
	c.tryUntil(ws, c.engine.patience())
	return says(ws, t, data)
}

// patience is how long a client may take to speak on the socket that it tries.
func (e *Engine) patience() time.Duration { return e.config.HeartbeatEvery + e.config.HeartbeatWait }

// says reads one packet from a socket that has no session yet, and says whether it is the one that may come now.
func says(ws *websocket.Socket, t engineio.PacketType, data string) bool {
	frame, err := ws.ReadDirect()
	if err != nil {
		return false
	}
	p, err := engineio.DecodeText(frame)
	return err == nil && p.Type == t && string(p.Data) == data
}

// tryUntil bounds how long the client has to speak on the socket that it tries; not for long when the session is over.
func (c *conversation) tryUntil(ws *websocket.Socket, within time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.member.Why() != "" {
		within = min(within, lastWait)
	}
	c.probing = ws
	ws.ReadUntil(time.Now().Add(within))
}

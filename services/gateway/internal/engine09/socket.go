package engine09

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/channelstream/channelstream/services/gateway/internal/dialog"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/websocket"
	"github.com/channelstream/channelstream/shared/contract"
)

// heartbeat asks for a sign of life.
var heartbeat = frame.AppendText(nil, socketio09.AppendHeartbeat(nil))

// socket opens a WebSocket, which begins the session. A handshake that fails, as behind a proxy that knows no upgrade, leaves
// the sid to the next transport.
func (e *Engine) socket(w http.ResponseWriter, r *http.Request, sid string) {
	ws, err := e.config.Sockets.Upgrade(w, r)
	if err != nil {
		e.say(r, err)
		return // Upgrade has answered
	}
	c, err := e.handshaken(r, sid)
	if err == nil && !c.speaks(ws) {
		err = errNotHandshaken
	}
	switch {
	case err == nil:
	case errors.Is(err, errNotHandshaken):
		e.say(r, err)
		ws.WriteDirect(words.Close) //nolint:errcheck // the client has gone then
		ws.Close()
	default: // no advice: a stock client that comes back already would do so twice, and more with each
		e.say(r, err)
		ws.Dismiss(contract.ReasonUnavailable)
	}
}

// handshaken gives the conversation of a sid, wherever its handshake was made.
func (e *Engine) handshaken(r *http.Request, sid string) (*conversation, error) {
	c := e.session(sid)
	switch {
	case c != nil:
		return c, nil
	case e.config.Peers.Elsewhere(sid):
		return e.claim(r, sid)
	}
	return nil, errNotHandshaken
}

// speaks begins the session by a WebSocket, unless it has begun.
func (c *conversation) speaks(ws *websocket.Socket) (begins bool) {
	c.start.Do(func() {
		if c.engine.config.Refuse() != "" {
			c.giveUp()
			return
		}
		begins = true
		m := c.engine.config.Hub.Open(ws.Speaking(heartbeat, c.frame, c.lastFrames), frame.Packets09, websocketTransport, c.ended)
		c.begin(m)
		m.Resume("")
	})
	return begins
}

// lastFrames are those of the farewell.
func (c *conversation) lastFrames(reason contract.Reason) []byte {
	var frames []byte
	for _, packet := range c.farewell(reason) {
		frames = frame.AppendText(frames, packet)
	}
	return frames
}

// frame takes one text frame from the client, in the shard. What may lead to questions to presence is worked on elsewhere, and
// the next frame waits.
func (c *conversation) frame(text []byte) (reason contract.Reason, wait bool) {
	p, err := socketio09.Decode(text)
	switch {
	case err != nil:
		return contract.ReasonProtocolError, false
	case isSignal(p):
		return "", false // the outlet has noted it
	}
	p.Data = bytes.Clone(p.Data)
	dialog.Later(&c.inbound, c.member, p, c.packet)
	return "", true
}

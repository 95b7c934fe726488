package gatewaytest

import (
	"net/http"
	"strings"
)

// Client09 is a client of Socket.IO 0.9 that has made a handshake.
type Client09 struct {
	SID string
	g   *Gateway
}

// Handshake09 is the path of the handshake of Socket.IO 0.9.
const Handshake09 = "/socket.io/1/"

// Client09 makes a handshake. query is the URL's.
func (g *Gateway) Client09(query string) *Client09 {
	g.t.Helper()
	answer := g.Request(http.MethodGet, Handshake09+"?"+query, "")
	sid, _, ok := strings.Cut(answer.Body, ":")
	if !ok || answer.Status != http.StatusOK {
		g.t.Fatalf("the handshake was answered with %d %s", answer.Status, answer.Body)
	}
	return &Client09{SID: sid, g: g}
}

// At is the same client, whose requests go to another gateway.
func (c *Client09) At(g *Gateway) *Client09 { return &Client09{SID: c.SID, g: g} }

// Path is where the client speaks by a transport.
func (c *Client09) Path(transport string) string { return Handshake09 + transport + "/" + c.SID }

// Socket opens the session by WebSocket.
func (c *Client09) Socket() *Socket {
	c.g.t.Helper()
	s := c.g.Dial(c.Path("websocket"))
	s.Want("1::")
	return s
}

// Stream09 opens a session by WebSocket and connects a user to /stream.
func (g *Gateway) Stream09(user string) *Socket {
	g.t.Helper()
	s := g.Client09(Credentials(user)).Socket()
	s.Send("1::/stream")
	s.Want("1::/stream")
	return s
}

// Poll polls once.
func (c *Client09) Poll() Answer {
	c.g.t.Helper()
	return c.g.Request(http.MethodGet, c.Path("xhr-polling"), "")
}

// Want polls once and fails unless the answer is this.
func (c *Client09) Want(payload string) {
	c.g.t.Helper()
	if answer := c.Poll(); answer.Status != http.StatusOK || answer.Body != payload {
		c.g.t.Fatalf("the poll was answered with %d %.200q, want %q", answer.Status, answer.Body, payload)
	}
}

// WantEnd polls once and fails unless the client is to come back since its session is over.
func (c *Client09) WantEnd() {
	c.g.t.Helper()
	if answer := c.Poll(); answer.Status != http.StatusServiceUnavailable {
		c.g.t.Fatalf("the poll was answered with %d %.200q", answer.Status, answer.Body)
	}
}

// Post posts a payload.
func (c *Client09) Post(payload string) Answer {
	c.g.t.Helper()
	return c.g.Request(http.MethodPost, c.Path("xhr-polling"), payload, "Content-Type", "text/plain;charset=UTF-8")
}

// Send posts a payload that is to be taken.
func (c *Client09) Send(payload string) {
	c.g.t.Helper()
	if answer := c.Post(payload); answer.Status != http.StatusOK || answer.Body != "1" {
		c.g.t.Fatalf("post %.100s: %d %s", payload, answer.Status, answer.Body)
	}
}

// StreamPoller09 opens a session that polls and connects a user to /stream.
func (g *Gateway) StreamPoller09(user string) *Client09 {
	g.t.Helper()
	c := g.Client09(Credentials(user))
	c.Want("1::")
	c.Send("1::/stream")
	c.Want("1::/stream")
	return c
}

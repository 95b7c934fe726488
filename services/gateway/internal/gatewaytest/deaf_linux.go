package gatewaytest

import "github.com/channelstream/channelstream/shared/netfault"

// Deafen has what is sent to the client vanish from now on, as on a network that fails.
func (s *Socket) Deafen() {
	s.t.Helper()
	netfault.Deafen(s.t, s.NetConn())
}

// Reset ends the connection with what is under way.
func (s *Socket) Reset() {
	s.t.Helper()
	netfault.Reset(s.t, s.NetConn())
}

// Deafen is that of a Socket.
func (e *Events) Deafen() {
	e.t.Helper()
	netfault.Deafen(e.t, e.Conn)
}

// Reset is that of a Socket.
func (e *Events) Reset() {
	e.t.Helper()
	netfault.Reset(e.t, e.Conn)
}

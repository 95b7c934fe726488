package harness

import (
	"net"

	"github.com/channelstream/channelstream/shared/netfault"
)

// Deafen has what is sent to the client vanish from now on, as on a network that fails.
func (s *Socket) Deafen() { netfault.Deafen(s.t, s.ws.NetConn()) }

// Reset ends the connection with what is under way, and waits.
func (s *Socket) Reset() {
	netfault.Reset(s.t, s.ws.NetConn())
	<-s.gone
}

// Deafen is that of a Socket, for the connections that the client has now.
func (p *Poller) Deafen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		netfault.Deafen(p.t, conn)
	}
}

// Reset is that of a Socket.
func (p *Poller) Reset() {
	p.mu.Lock()
	for _, conn := range p.conns {
		conn.(*net.TCPConn).SetLinger(0) //nolint:errcheck,forcetypeassert // some are closed already; each is one of TCP
	}
	p.mu.Unlock()
	p.stop()
	p.http.CloseIdleConnections()
}

package harness

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
)

// The ports of a container.
const (
	servicePort  = 8000
	operatorPort = 9000
)

// Hosts give each node of a Cluster an address of its own, with the ports that it has in the compose file, at which it is
// again after each start. As Docker's does, their DNS gives the addresses of a service's nodes for its name. The methods
// may be called by any goroutine.
type Hosts struct {
	*NATS

	// set at construction
	network string // of loopback: the first three numbers of all addresses
	dns     net.PacketConn

	mu    sync.Mutex
	last  int                 // the last number of the newest address; guarded by mu
	names map[string][]net.IP // guarded by mu
	away  map[string]bool     // names that the DNS does not know at present; guarded by mu
}

// StartHosts makes hosts until the end of the test, with a NATS server for them. There are none of them outside of Linux, where
// only one address leads to loopback.
func StartHosts(t testing.TB) *Hosts {
	t.Helper()
	h := &Hosts{NATS: StartNATS(t), names: map[string][]net.IP{}, away: map[string]bool{}}
	h.network = fmt.Sprintf("127.%d.%d.", 16+rand.IntN(200), rand.IntN(250)) //nolint:gosec // no secret
	var err error
	if h.dns, err = net.ListenPacket("udp", h.address()+":0"); err != nil {
		t.Fatalf("listen for questions to the DNS: %v", err)
	}
	var answering sync.WaitGroup
	answering.Go(h.answer)
	t.Cleanup(func() {
		h.dns.Close() //nolint:errcheck // nobody asks any more
		answering.Wait()
	})
	return h
}

// address gives an address that nobody has.
func (h *Hosts) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	return h.network + fmt.Sprint(h.last)
}

// add makes a host of a name, and gives its address.
func (h *Hosts) add(name string) string {
	address := h.address()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names[name] = append(h.names[name], net.ParseIP(address).To4())
	return address
}

// Listen listens on the ports of a new host of a name, of which the test is the service.
func (h *Hosts) Listen(t testing.TB, name string) (service, operator net.Listener) {
	t.Helper()
	address := h.add(name)
	service, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, servicePort))
	if err != nil {
		t.Fatal(err)
	}
	operator, err = net.Listen("tcp", fmt.Sprintf("%s:%d", address, operatorPort))
	if err != nil {
		t.Fatal(err)
	}
	return service, operator
}

// Forget has the DNS know some names no more, as Docker's does when none of their containers runs.
func (h *Hosts) Forget(names ...string) { h.set(true, names) }

// Know ends Forget.
func (h *Hosts) Know(names ...string) { h.set(false, names) }

func (h *Hosts) set(away bool, names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.away[name] = away
	}
}

// known gives the addresses of a name that the DNS knows.
func (h *Hosts) known(name string) []net.IP {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away[name] {
		return nil
	}
	return slices.Clone(h.names[name])
}

// answer answers questions until the socket is closed.
func (h *Hosts) answer() {
	packet := make([]byte, 512)
	for {
		n, from, err := h.dns.ReadFrom(packet)
		if err != nil {
			return
		}
		if reply := h.reply(packet[:n]); reply != nil {
			h.dns.WriteTo(reply, from) //nolint:errcheck // it is asked again
		}
	}
}

// reply answers one question (RFC 1035 section 4) for a name of one label; nil for anything else.
func (h *Hosts) reply(question []byte) []byte {
	const header, typeA, nameError = 12, 1, 3
	if len(question) < header+1 {
		return nil
	}
	label := int(question[header])
	end := header + 1 + label + 1 + 4 // the name's length, itself and its end; type and class
	if len(question) < end || question[end-5] != 0 {
		return nil
	}
	addresses := h.known(string(question[header+1 : header+1+label]))
	reply := slices.Concat(question[:2], []byte{0x81, 0x80}, make([]byte, 8), question[header:end])
	reply[5] = 1 // question
	if len(addresses) == 0 {
		reply[3] |= nameError
		return reply
	}
	if binary.BigEndian.Uint16(question[end-4:]) != typeA {
		return reply // the name has no such address
	}
	reply[7] = byte(len(addresses))
	for _, ip := range addresses {
		reply = append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4) // the same name, for a second
		reply = append(reply, ip...)
	}
	return reply
}

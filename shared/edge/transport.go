// Package edge is what every way in over HTTP has in common: over what a request may come, from which address it came,
// which pages may read the answer, and how a fault is written.
//
// It promises that a forwarding header counts only when a trusted proxy sent it, and that a fault becomes the same
// status and the same JSON whichever service answers.
package edge

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Transport knows how a request came here. It is safe for use by many goroutines.
type Transport struct {
	trusted      []netip.Prefix
	enforceHTTPS bool
}

// NewTransport takes the trusted proxies and whether HTTPS is enforced.
func NewTransport(s settings.Access) Transport {
	return Transport{trusted: s.TrustedProxies, enforceHTTPS: s.EnforceHTTPS}
}

// Refusal is the fault of a request that came in clear where HTTPS is enforced, and nil for every other.
func (t Transport) Refusal(r *http.Request) *contract.Fault {
	if !t.enforceHTTPS || t.Secure(r) {
		return nil
	}
	return &contract.Fault{Code: contract.CodeNotHTTPS, Message: "This server answers over HTTPS only."}
}

// Guard puts Refusal before a handler.
func (t Transport) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := t.Refusal(r); fault != nil {
			WriteFault(w, fault)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Caller is the address that a request came from, as far as it can be believed: X-Forwarded-For is read from the right,
// one entry for each trusted proxy, because all that stands further left is the word of whoever called the outermost
// of them. An entry that is no address gives the zero Addr, which is allowed nowhere.
func (t Transport) Caller(r *http.Request) netip.Addr {
	addr := remote(r)
	if !Contains(t.trusted, addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && Contains(t.trusted, addr); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" && len(hops) == 1 {
			break // no header: the proxy itself calls
		}
		addr = parse(hop)
	}
	return addr
}

// Network is what counts as one address where addresses are counted: an IPv6 address is its network of 64 bits, which one
// customer has (RFC 6177). All callers without an address are one.
func Network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // an error comes with the zero Prefix
	return p
}

// Secure says whether the caller used TLS: to this process, or by the word of a trusted proxy, of which the last counts.
func (t Transport) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !Contains(t.trusted, remote(r)) {
		return false
	}
	words := r.Header.Values("X-Forwarded-Proto")
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	return strings.EqualFold(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]), "https")
}

func remote(r *http.Request) netip.Addr { return parse(r.RemoteAddr) }

// parse reads an address with or without a port, and in or without brackets.
func parse(text string) netip.Addr {
	if addrPort, err := netip.ParseAddrPort(text); err == nil {
		return addrPort.Addr().Unmap().WithZone("")
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// Contains says whether an address is in one of the ranges.
func Contains(ranges []netip.Prefix, addr netip.Addr) bool {
	for _, r := range ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

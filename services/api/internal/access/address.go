package access

import (
	"net/http"
	"net/netip"
	"strings"
)

// caller is the address that a request came from, as far as it can be believed: X-Forwarded-For is read from the right,
// one entry for each trusted proxy, because all that stands further left is the word of whoever called the outermost
// of them. An entry that is no address gives the zero Addr, which is allowed nowhere.
func (g *Gate) caller(r *http.Request) netip.Addr {
	addr := remote(r)
	if !within(g.trusted, addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(g.trusted, addr); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" && len(hops) == 1 {
			break // no header: the proxy itself calls
		}
		addr = parse(hop)
	}
	return addr
}

// secure says whether the caller used TLS: to this process, or by the word of a trusted proxy, of which the last counts.
func (g *Gate) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !within(g.trusted, remote(r)) {
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

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

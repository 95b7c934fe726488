package settings

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

func readPrefixes(text string) (string, error) {
	var prefixes []string
	for _, item := range split(text) {
		prefix, err := parsePrefix(item)
		if err != nil {
			return "", err
		}
		prefixes = append(prefixes, prefix.String())
	}
	return strings.Join(prefixes, ","), nil
}

// readCallers is readPrefixes with the seed's word for anyone. It is taken only alone: beside other addresses it
// would open to the world what looks like a list of the few.
func readCallers(text string) (string, error) {
	items := split(text)
	if !slices.Contains(items, "0.0.0.0") {
		return readPrefixes(text)
	}
	if len(items) > 1 {
		return "", errAnyone
	}
	return "0.0.0.0/0,::/0", nil
}

// parsePrefix reads an address or a range. The IPv4-mapped form becomes plain IPv4, because netip would match neither
// with the other.
func parsePrefix(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errPrefix
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// readOrigins returns origins as browsers send them; "null" is what pages without an origin send.
func readOrigins(text string) (string, error) {
	var origins []string
	anyOrigin := false
	for _, item := range split(strings.ToLower(text)) {
		switch {
		case item == "*":
			anyOrigin = true
		case item == "null":
			origins = append(origins, item)
		default:
			origin, err := parseOrigin(item)
			if err != nil {
				return "", err
			}
			origins = append(origins, origin)
		}
	}
	if anyOrigin {
		return "", nil
	}
	return strings.Join(origins, ","), nil
}

func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" ||
		u.ForceQuery || u.Fragment != "" || strings.ContainsAny(u.Host, "*") {
		return "", errOrigin
	}
	host := u.Host
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" || u.Port() == "" {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return u.Scheme + "://" + host, nil
}

func readTransports(text string) (string, error) {
	var transports []string
	for _, item := range split(strings.ToLower(text)) {
		if item == "xhr-polling" { // the name in Socket.IO 0.9, and in the seed's file
			item = TransportPolling
		}
		switch item {
		case TransportWebSocket, TransportPolling, TransportSSE, TransportListen, TransportJSONPPolling:
		default:
			return "", errTransport
		}
		if !slices.Contains(transports, item) {
			transports = append(transports, item)
		}
	}
	if len(transports) == 0 {
		return "", errTransport
	}
	return strings.Join(transports, ","), nil
}

package access

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

var now = time.Unix(1_700_000_000, 0)

func access() settings.Access {
	return settings.Access{
		Secrets:          []string{"old", "new"},
		SignatureMaxAge:  time.Minute,
		AllowPostingFrom: prefixes("127.0.0.0/8", "::1/128", "203.0.113.7/32", "2001:db8::/32"),
	}
}

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range list {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// ask makes a signed request from an address.
func ask(from string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/message", nil)
	r.RemoteAddr = from
	r.Header.Set(signatureHeader, signature.Sign("new", "/message", now))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// code is that of a fault, "" for none.
func code(t *testing.T, err error) contract.Code {
	t.Helper()
	var fault *contract.Fault
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("error %v is no fault", err)
	}
	if fault == nil {
		return ""
	}
	return fault.Code
}

func TestOnlyAllowedAddressesMayCall(t *testing.T) {
	t.Parallel()
	gate := New(access())
	for from, want := range map[string]contract.Code{
		"127.0.0.1:1": "", "127.9.9.9:1": "", "[::1]:1": "", "[::ffff:127.0.0.1]:1": "", "[2001:db8::5%eth0]:1": "", "203.0.113.7:1": "",
		"203.0.113.8:1": contract.CodeForbidden, "[2001:db9::1]:1": contract.CodeForbidden, "@": contract.CodeForbidden, "": contract.CodeForbidden,
	} {
		if got := code(t, gate.App(ask(from), now)); got != want {
			t.Errorf("from %q: %q, want %q", from, got, want)
		}
	}
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	s := access()
	s.TrustedProxies = prefixes("10.0.0.0/8", "127.0.0.1/32")
	gate := New(s)
	for _, c := range []struct {
		name, from string
		headers    []string
		want       contract.Code
	}{
		{"the proxy itself", "127.0.0.1:1", nil, ""},
		{"one proxy", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7"}, ""},
		{"a chain of proxies", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7, 10.2.3.4"}, ""},
		{"two headers", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-For", "10.2.3.4"}, ""},
		{"with a port", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7:4711"}, ""},
		{"IPv6 in brackets", "10.0.0.1:1", []string{"X-Forwarded-For", "[2001:db8::1]"}, ""},
		{"a stranger behind the proxy", "127.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.1"}, contract.CodeForbidden},
		{"a stranger who says to be another", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7, 198.51.100.1"}, contract.CodeForbidden},
		{"a stranger who says so in a first header", "10.0.0.1:1", []string{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "198.51.100.1"}, contract.CodeForbidden},
		{"a stranger who is no proxy", "198.51.100.1:1", []string{"X-Forwarded-For", "203.0.113.7"}, contract.CodeForbidden},
		{"an allowed caller who is no proxy", "203.0.113.7:1", []string{"X-Forwarded-For", "198.51.100.1"}, ""},
		{"no address", "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7, unknown"}, contract.CodeForbidden},
		{"an empty hop", "127.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.7,"}, contract.CodeForbidden},
	} {
		if got := code(t, gate.App(ask(c.from, c.headers...), now)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestEnforceHTTPS(t *testing.T) {
	t.Parallel()
	s := access()
	s.EnforceHTTPS = true
	s.TrustedProxies = prefixes("127.0.0.1/32")
	gate := New(s)
	direct := ask("203.0.113.7:1")
	direct.TLS = &tls.ConnectionState{}
	if got := code(t, gate.App(direct, now)); got != "" {
		t.Errorf("over TLS: %q", got)
	}
	for _, c := range []struct {
		from, proto string
		want        contract.Code
	}{
		{"127.0.0.1:1", "https", ""},
		{"127.0.0.1:1", "HTTPS", ""},
		{"127.0.0.1:1", "http, https", ""},
		{"127.0.0.1:1", "https, http", contract.CodeNotHTTPS},
		{"127.0.0.1:1", "", contract.CodeNotHTTPS},
		{"203.0.113.7:1", "https", contract.CodeNotHTTPS},
	} {
		if got := code(t, gate.App(ask(c.from, "X-Forwarded-Proto", c.proto), now)); got != c.want {
			t.Errorf("%s from %s: %q, want %q", c.proto, c.from, got, c.want)
		}
	}
	if got := code(t, gate.Anyone(ask("198.51.100.1:1"), now)); got != contract.CodeNotHTTPS {
		t.Errorf("an open path: %q", got)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	gate := New(access())
	good := func(secret string, at time.Time) string { return signature.Sign(secret, "/message", at) }
	for _, c := range []struct {
		name, header, query string
		want                contract.Code
	}{
		{"the seed's form", good("new", now), "", ""},
		{"another secret in use", good("old", now), "", ""},
		{"the 0.7 form", signature.SignTimestamp("new", "any", now), "", ""},
		{"in the query", "", good("new", now), ""},
		{"the header first", good("new", now), "bad", ""},
		{"the header first, also when it is wrong", "bad", good("new", now), contract.CodeUnauthorized},
		{"none", "", "", contract.CodeForbidden},
		{"a wrong secret", good("wrong", now), "", contract.CodeUnauthorized},
		{"the secret itself", "new", "", contract.CodeUnauthorized},
		{"of another path", signature.Sign("new", "/connect", now), "", contract.CodeUnauthorized},
		{"of a user", signature.Sign("new", "alice", now), "", contract.CodeUnauthorized},
		{"60 s old", good("new", now.Add(-time.Minute)), "", ""},
		{"61 s old", good("new", now.Add(-61*time.Second)), "", contract.CodeUnauthorized},
		{"5 s ahead", good("new", now.Add(5*time.Second)), "", ""},
		{"6 s ahead", good("new", now.Add(6*time.Second)), "", contract.CodeUnauthorized},
	} {
		r := ask("127.0.0.1:1")
		r.Header.Set(signatureHeader, c.header)
		if c.query != "" {
			r.URL.RawQuery = url.Values{signatureQuery: {c.query}}.Encode()
		}
		if got := code(t, gate.App(r, now)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheAddressComesBeforeTheSignature(t *testing.T) {
	t.Parallel()
	r := ask("198.51.100.1:1")
	r.Header.Set(signatureHeader, "bad")
	if got := code(t, New(access()).App(r, now)); got != contract.CodeForbidden {
		t.Errorf("got %q", got)
	}
}

func TestAnOpenPathRefusesAWrongSignatureOnly(t *testing.T) {
	t.Parallel()
	gate := New(access())
	r := ask("198.51.100.1:1")
	if got := code(t, gate.Anyone(r, now)); got != "" {
		t.Errorf("signed: %q", got)
	}
	r.Header.Del(signatureHeader)
	if got := code(t, gate.Anyone(r, now)); got != "" {
		t.Errorf("unsigned: %q", got)
	}
	r.URL.RawQuery = "secret=bad"
	if got := code(t, gate.Anyone(r, now)); got != contract.CodeUnauthorized {
		t.Errorf("wrong: %q", got)
	}
}

func TestTheDemoIsLetInWhereItMayAskAndKnownAsTheDemo(t *testing.T) {
	t.Parallel()
	gate := New(access())
	byDemo := func(secret string) *http.Request {
		r := ask("127.0.0.1:1")
		r.Header.Set(signatureHeader, signature.Sign(signature.DemoSecret(secret), "/message", now))
		return r
	}
	for _, secret := range []string{"old", "new"} {
		if demo, err := gate.AppOrDemo(byDemo(secret), now); !demo || err != nil {
			t.Errorf("the demo: %v, %v", demo, err)
		}
		if got := code(t, gate.App(byDemo(secret), now)); got != contract.CodeUnauthorized {
			t.Errorf("where only an app may ask: %q", got)
		}
		if got := code(t, gate.Anyone(byDemo(secret), now)); got != "" {
			t.Errorf("where anyone may ask: %q", got)
		}
	}
	if demo, err := gate.AppOrDemo(ask("127.0.0.1:1"), now); demo || err != nil {
		t.Errorf("an app: %v, %v", demo, err)
	}
	if _, err := gate.AppOrDemo(byDemo("none"), now); code(t, err) != contract.CodeUnauthorized {
		t.Errorf("the demo of another server: %v", err)
	}
	if _, err := gate.AppOrDemo(byDemo("new"), now.Add(time.Hour)); code(t, err) != contract.CodeUnauthorized {
		t.Errorf("an old signature of the demo: %v", err)
	}
}

func TestASignatureCoversThePathThatTheAppUsed(t *testing.T) {
	t.Parallel()
	s := access()
	s.TrustedProxies = prefixes("10.0.0.0/8")
	gate := New(s)
	for _, c := range []struct {
		base, from, script, path, signed string
		want                             contract.Code
	}{
		{"/push", "127.0.0.1:1", "", "/push/message", "/push/message", ""},
		{"/push", "127.0.0.1:1", "", "/push/message", "/message", contract.CodeUnauthorized},
		{"", "10.0.0.1:1", "/push", "/message", "/push/message", ""},
		{"", "10.0.0.1:1", "/push", "/message", "/message", contract.CodeUnauthorized},
		{"", "127.0.0.1:1", "/push", "/message", "/push/message", contract.CodeUnauthorized}, // no proxy
		// The signature of a user's name, by a proxy that passes its callers' headers on.
		{"", "10.0.0.1:1", "alice", "/message", "alice/message", contract.CodeUnauthorized},
	} {
		r := httptest.NewRequest(http.MethodPost, c.path, nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		r.Header.Set("X-Script-Name", c.script)
		r.Header.Set(signatureHeader, signature.Sign("new", c.signed, now))
		var got contract.Code = "not asked"
		edge.Below(settings.Settings{Listen: settings.Listen{BasePath: c.base}, Access: s},
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = code(t, gate.App(r, now)) })).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s below %q and %q, signed for %s: %q, want %q", c.path, c.base, c.script, c.signed, got, c.want)
		}
	}
}

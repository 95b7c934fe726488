package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
)

// rejects checks that value is refused for key and that the message names the key.
func rejects(t *testing.T, key string, values ...string) {
	t.Helper()
	for _, value := range values {
		_, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_" + key + "=" + value}, "")
		if err == nil || !strings.HasPrefix(err.Error(), "CHANNELSTREAM_"+key+": ") {
			t.Errorf("%s=%q: %v", key, value, err)
		}
	}
}

func TestDurationsAreFiniteAndPositive(t *testing.T) {
	t.Parallel()
	rejects(t, "LINGER", "-1", "-1s", "NaN", "Inf", "1e9", "0x10", "99999999999999999999", "9999999h", ".", "1 s", "5 5", "soon")
	rejects(t, "HEARTBEAT_INTERVAL", "0", "0s", "99ms", "2h")
}

func TestSizesDoNotOverflow(t *testing.T) {
	t.Parallel()
	rejects(t, "MAX_BODY", "-1", "0", "1023", "9223372036854775807GiB", "9007199254740993KiB", "18446744073709551616", "8MB", "8M", "KiB", "1.5MiB", "+4096")
}

func TestNumbersStayInBounds(t *testing.T) {
	t.Parallel()
	rejects(t, "PORT", "-1", "65536", "8000.0", "0x50", "http", "10.0.0.1:8000")
	rejects(t, "NATS_REPLICAS", "0", "2", "5")
	rejects(t, "MAX_CONN_ID", "35") // a UUID has to fit
}

func TestNamespaceCanNotReachOtherSubjects(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"NAMESPACE", "GATEWAY_ID"} {
		rejects(t, key, "a.b", "*", ">", "a b", "a>b", "ä", strings.Repeat("a", 65), "a\nb", "$SYS")
	}
}

func TestAddressListsAreExact(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"ALLOW_POSTING_FROM", "TRUSTED_PROXIES"} {
		rejects(t, key, "10.0.0", "10.0.0.0/33", "010.0.0.1", "fe80::1%eth0", "localhost", "10.0.0.1:80", "10.0.0.1 10.0.0.2", "*")
	}
	rejects(t, "ALLOW_POSTING_FROM", "0.0.0.0,10.0.0.1")
	// The word for anyone holds for callers only: as a proxy it would let everybody forge addresses.
	same(t, "proxy", mustLoad(t, "", "CHANNELSTREAM_TRUSTED_PROXIES=0.0.0.0").Access.TrustedProxies, prefixes("0.0.0.0/32"))
	same(t, "mapped range", mustLoad(t, "", "CHANNELSTREAM_TRUSTED_PROXIES=::ffff:10.0.0.0/104").Access.TrustedProxies, prefixes("10.0.0.0/8"))
	same(t, "separators only", mustLoad(t, "", "CHANNELSTREAM_TRUSTED_PROXIES=, ,").Access.TrustedProxies, prefixes())
}

func TestOriginsAreExact(t *testing.T) {
	t.Parallel()
	rejects(t, "ALLOWED_ORIGINS", "example.com", "https://*.example.com", "https://example.com/path", "https://user@example.com", "https://", "https://a?b", "//example.com")
}

func TestURLsHaveHosts(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"PUBLIC_URL", "DEMO_API_URL"} {
		rejects(t, key, "example.com", "ftp://example.com", "http://", "http://:80", "https://a?b=c", "https://a#b", "javascript:alert(1)")
	}
	rejects(t, "NATS_URL", "http://one:4222", "nats://", "nats://one:4222,ftp://two")
}

func TestHostAndResourceAreNames(t *testing.T) {
	t.Parallel()
	rejects(t, "HOST", "a b", "127.0.0.1:8000", "[::1", "http://x", "-x", "a/b")
	rejects(t, "RESOURCE", "/", "..", "a/../b", "a//b", "a b", "a?b", "{x}", "a%2fb")
	rejects(t, "BASE_PATH", "..", "/a/../b", "/a//b", "a b", "/a?b", "/{x}", "/a%2fb", "https://x")
	rejects(t, "TRANSPORTS", "flashsocket", "websocket carrier-pigeon", ",")
	rejects(t, "ENFORCE_HTTPS", "maybe", "2", "tru")
	rejects(t, "LOG_LEVEL", "loud", "INFO ,")
	rejects(t, "DATA_DIR", "a\x00b")
}

func TestFaultsDoNotShowSecrets(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"SECRET=hidden\x01", "ADMIN_SECRET=hidden\x01", "NATS_URL=http://user:hidden@one"} {
		_, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_" + entry}, "")
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestHugeValueMakesShortFault(t *testing.T) {
	t.Parallel()
	_, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_PORT=" + strings.Repeat("ö", 1<<20), "CHANNELSTREAM_" + strings.Repeat("X", 1<<16) + "=1"}, "")
	if err == nil || len(err.Error()) > 1<<17 {
		t.Errorf("fault of %d bytes", len(err.Error()))
	}
}

func TestIniValuesAreLiteral(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, writeIni(t, "[app:main]\nSECRET = a#b;c%(host)s\"d'\\\nadmin_secret = \"quoted\" # not a comment\n# a comment\n; another\nhost: localhost\nlinger =\n"))
	same(t, "secret", s.Access.Secrets, []string{`a#b;c%(host)s"d'\`})
	same(t, "admin secret", s.Access.AdminSecret, `"quoted" # not a comment`)
	same(t, "host", s.Listen.Host, "localhost")
	same(t, "linger: an empty value is none", s.Presence.Linger, 15*time.Second)
}

func TestBrokenIniIsAnError(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"[app:main\nport = 1", "[app:main]\nport", "\x00", "= 1"} {
		if _, err := settings.Load(t.Context(), nil, writeIni(t, content)); err == nil {
			t.Errorf("%q was read", content)
		}
	}
}

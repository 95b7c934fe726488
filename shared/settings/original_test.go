package settings_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
)

// remarks gives what is said about each key.
func remarks(t *testing.T, s settings.Settings) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, remark := range s.Remarks {
		if _, twice := said[remark.Key]; twice {
			t.Errorf("%s is remarked on twice", remark.Key)
		}
		said[remark.Key] = remark.Problem
	}
	return said
}

func TestAFileOfTheOriginalStartsThisServer(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "testdata/original.ini")
	same(t, "secrets", s.Access.Secrets, []string{"100%real"})
	same(t, "admin secret", s.Access.AdminSecret, "admin_secret")
	same(t, "listen", s.Listen, settings.Listen{Host: "127.0.0.1", Port: 8001})
	same(t, "allow_posting_from", s.Access.AllowPostingFrom, prefixes("127.0.0.1/32", "192.168.1.1/32"))
	same(t, "log level", s.Log.Level, "warn")
	same(t, "max age", s.Access.SignatureMaxAge, time.Minute)
	same(t, "origins", s.Access.AllowedOrigins, []string(nil))
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "data dir", s.NATS.DataDir, here+"/data")
	same(t, "admin user", s.Access.AdminUser, "admin")
	same(t, "remarks", remarks(t, s), map[string]string{})
}

func TestKeysOfTheOriginalMeanWhatTheyMeant(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, writeIni(t, `[channelstream]
secret = a
debug = 1
allow_cors = Example.com, http://localhost:3000
validate_requests = no
http_scheme = https
signature_checker = my.Signer
cookie_secret = c
gc_conns_after = 30
gc_channels_after = 259200
wake_connections_after = 7
allow_posting_from = 127.0.0.1, 0.0.0.0
demo_app_url = http://127.0.0.1
status_codes = online
`))
	same(t, "log level", s.Log.Level, "debug")
	same(t, "origins", s.Access.AllowedOrigins, []string{"http://example.com", "https://example.com", "http://localhost:3000"})
	same(t, "max age: none", s.Access.SignatureMaxAge, time.Duration(0))
	same(t, "wake", s.Clients.WakeConnectionsAfter, 7*time.Second)
	same(t, "linger", s.Presence.Linger, 15*time.Second)
	same(t, "callers", s.Access.AllowPostingFrom, prefixes("0.0.0.0/0", "::/0"))
	same(t, "host", s.Listen.Host, "0.0.0.0")
	said := remarks(t, s)
	for key, want := range map[string]string{
		"allow_cors": "http://example.com,https://example.com,http://localhost:3000", "validate_requests": "do not expire", "host": "on all addresses",
		"http_scheme": "no links", "signature_checker": "two forms", "cookie_secret": "admin_secret", "gc_conns_after": "LINGER",
		"gc_channels_after": "channels", "demo_app_url": "demo", "status_codes": "whole number",
	} {
		if !strings.Contains(said["[channelstream] "+key], want) {
			t.Errorf("%s: %q lacks %q", key, said["[channelstream] "+key], want)
		}
	}
	if len(said) != 10 {
		t.Errorf("remarks %v", said)
	}
}

// The image of the original was configured by its environment.
func TestTheEnvironmentOfTheOriginalIsReadToo(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "", "CHANNELSTREAM_DEBUG=true", "CHANNELSTREAM_ADMIN_USER=root", "CHANNELSTREAM_ALLOW_CORS=https://a.example",
		"CHANNELSTREAM_VALIDATE_REQUESTS=1", "CHANNELSTREAM_LOG_LEVEL=Info")
	same(t, "log level: our own key wins", s.Log.Level, "info")
	same(t, "origins", s.Access.AllowedOrigins, []string{"https://a.example"})
	same(t, "host: of no file of the original", s.Listen.Host, "127.0.0.1")
	same(t, "admin user", s.Access.AdminUser, "root")
	said := remarks(t, s)
	same(t, "debug", said["CHANNELSTREAM_DEBUG"], "has no effect beside CHANNELSTREAM_LOG_LEVEL")
	if len(said) != 2 {
		t.Errorf("remarks %v", said)
	}
	path := writeIni(t, "[channelstream]\nport = 77\n")
	same(t, "CHANNELSTREAM_INI", mustLoad(t, "", "CHANNELSTREAM_INI="+path).Listen.Port, 77)
	same(t, "--config before it", mustLoad(t, writeIni(t, "[app:main]\nport = 78"), "CHANNELSTREAM_INI="+path).Listen.Port, 78)
	same(t, "the environment before it", mustLoad(t, path, "CHANNELSTREAM_PORT=79").Listen.Port, 79)
}

func TestWhatTheOriginalDoesNotKnowIsStillAFault(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"[channelstream]\nprot = 1":               "[channelstream] prot: unknown key, did you mean PORT?",
		"[channelstream]\nvalidate_requests = so": "[channelstream] validate_requests: want true or false",
		"[channelstream]\nallow_cors = .a.b/c":    "[channelstream] allow_cors: want origins",
		"[channelstream]\nport = 1\nport = 2":     "[channelstream] port: given twice",
		"[channel]\nport = 1":                     "[channel] port: unknown section",
		"[handlers_of]\nport = 1":                 "[handlers_of] port: unknown section",
	} {
		if _, err := settings.Load(t.Context(), nil, writeIni(t, content)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestInterpolationIsThatOfTheOriginalInItsSectionOnly(t *testing.T) {
	t.Parallel()
	const keys = "secret = %(Namespace)s%%%(none)s%x,b\nhost = 127.0.0.1\n"
	s := mustLoad(t, writeIni(t, "[DEFAULT]\nnamespace = ns\ncolour = red\n[channelstream]\n"+keys))
	same(t, "secrets", s.Access.Secrets, []string{"ns%%(none)s%x", "b"})
	same(t, "a default that is a key", s.NATS.Namespace, "ns")
	same(t, "remarks", remarks(t, s), map[string]string{"[channelstream] secret": "is two secrets here: a comma separates them"})
	same(t, "elsewhere", mustLoad(t, writeIni(t, "[app:main]\n"+keys)).Access.Secrets, []string{"%(Namespace)s%%%(none)s%x", "b"})
}

// A file may be one with that of Python's logging.
func TestSectionsOfPythonsLoggingAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, writeIni(t, "[server:main]\nport = 5\n[loggers]\nkeys = root\n[logger_root]\nlevel = INFO\n[handlers]\nkeys = c\n"+
		"[handler_c]\nargs = (sys.stderr,)\n[formatters]\nkeys = g\n[formatter_g]\nformat = %(message)s\n"))
	same(t, "port", s.Listen.Port, 5)
}

func TestLogLevelsInAnyCase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"INFO": "info", "Warn": "warn", "WARNING": "warn", "warning": "warn", "Error": "error", "CRITICAL": "error", "fatal": "error", "NOTSET": "debug", "DEBUG": "debug",
	} {
		same(t, text, mustLoad(t, "", "CHANNELSTREAM_LOG_LEVEL="+text).Log.Level, want)
	}
}

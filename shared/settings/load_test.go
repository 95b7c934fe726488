package settings_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
)

func mustLoad(t *testing.T, iniPath string, environ ...string) settings.Settings {
	t.Helper()
	s, err := settings.Load(t.Context(), environ, iniPath)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

func writeIni(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "channelstream.ini")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %#v, want %#v", what, got, want)
	}
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	want := settings.Settings{
		Listen:   settings.Listen{Host: "127.0.0.1", Port: 8000},
		Operator: settings.Operator{Host: "127.0.0.1"},
		Access: settings.Access{
			AdminUser:           "admin",
			AllowPostingFrom:    prefixes("127.0.0.0/8", "::1/128"),
			SignatureMaxAge:     time.Minute,
			UserSignatureMaxAge: 24 * time.Hour,
		},
		Clients: settings.Clients{
			Transports:           []string{"websocket", "polling", "sse", "listen"},
			Resource:             "socket.io",
			WakeConnectionsAfter: 5 * time.Second,
		},
		Heartbeat: settings.Heartbeat{Interval: 25 * time.Second, Timeout: 20 * time.Second},
		Flash:     settings.Flash{PolicyHost: "0.0.0.0", PolicyPort: 10843},
		Presence: settings.Presence{
			ConnectTimeout: 30 * time.Second, Linger: 15 * time.Second, LeaseTTL: 6 * time.Second, UserRetention: 24 * time.Hour,
		},
		NATS: settings.NATS{Replicas: 1, Namespace: "channelstream", DataDir: "./data", Sync: time.Second},
		Messages: settings.Messages{
			ResumeWindow: 2 * time.Minute, LogBytes: 1 << 30, LogMessages: 1_000_000, LogStorage: "file",
			HistoryBytes: 1 << 30, HistoryMessages: 1000, HistoryStorage: "file",
		},
		Limits: settings.Limits{
			MaxBody: 8 << 20, MaxMessage: 256 << 10, MaxMessages: 1000, MaxChannels: 1000, MaxUser: 512, MaxChannel: 256,
			MaxUserChannels: 10_000, MaxState: 384 << 10,
			MaxConnID: 128, MaxFrame: 64 << 10, MaxHistoryAnswer: 4 << 20, BacklogBytes: 1 << 20, BacklogAge: 10 * time.Second,
			TapeBytes: 256 << 20, ResumeTimeout: 2 * time.Minute,
			MaxSessionsPerAddress: 20_000, MaxSessionsPerUser: 1000, OpensPerSecond: 2000, MaxBodiesPerAddress: 1000,
			PacketsPerSecond: 1000,
			MaxWaiting:       20_000, MaxWait: 30 * time.Second,
		},
		Timing: settings.Timing{Request: 5 * time.Second, Drain: 5 * time.Second, Shutdown: 15 * time.Second},
		Log:    settings.Log{Level: "info", Format: "text"},
	}
	same(t, "defaults", mustLoad(t, ""), want)
}

func TestLoadSeedFile(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "testdata/seed.ini")
	same(t, "secrets", s.Access.Secrets, []string{"secret"})
	same(t, "admin secret", s.Access.AdminSecret, "admin_secret")
	same(t, "allow_posting_from", s.Access.AllowPostingFrom, prefixes("127.0.0.1/32", "192.168.1.1/32"))
	same(t, "host", s.Listen.Host, "0.0.0.0")
	same(t, "port", s.Listen.Port, 8000)
	same(t, "resource", s.Clients.Resource, "socket.io")
	same(t, "transports", s.Clients.Transports, []string{"websocket", "polling"})
	same(t, "flash", s.Flash, settings.Flash{PolicyServer: true, PolicyHost: "0.0.0.0", PolicyPort: 10843})
	same(t, "heartbeat", s.Heartbeat, settings.Heartbeat{Interval: 5 * time.Second, Timeout: time.Minute})
	if err := s.EnsureSecret(); err != nil || s.Access.Generated {
		t.Errorf("EnsureSecret = %v, generated %v", err, s.Access.Generated)
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	t.Parallel()
	path := writeIni(t, "[app:main]\nport = 1\nsecret = file\nheartbeat_timeout = 7\n")
	s := mustLoad(t, path, "CHANNELSTREAM_PORT=2", "PORT=3", "CHANNELSTREAM_SECRET=", "CHANNELSTREAM_PORT=4")
	same(t, "port", s.Listen.Port, 4)
	same(t, "secrets: an empty value is none", s.Access.Secrets, []string{"file"})
	same(t, "timeout", s.Heartbeat.Timeout, 7*time.Second)
}

func TestLoadEveryForm(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "",
		"CHANNELSTREAM_SECRET=new, old",
		"CHANNELSTREAM_HOST=[::1]",
		"CHANNELSTREAM_ALLOW_POSTING_FROM=0.0.0.0",
		"CHANNELSTREAM_TRUSTED_PROXIES=10.1.2.3/8\n::ffff:192.0.2.1, fd00::/8",
		"CHANNELSTREAM_ENFORCE_HTTPS=Yes",
		"CHANNELSTREAM_SIGNATURE_MAX_AGE=0.5",
		"CHANNELSTREAM_USER_SIGNATURE_MAX_AGE=1h30m",
		"CHANNELSTREAM_ALLOWED_ORIGINS=HTTPS://Example.com:443/, http://localhost:3000, null",
		"CHANNELSTREAM_TRANSPORTS=xhr-polling,polling,SSE,listen,jsonp-polling",
		"CHANNELSTREAM_RESOURCE=/push/socket.io/",
		"CHANNELSTREAM_MAX_BODY=16 mib",
		"CHANNELSTREAM_MAX_FRAME=2048",
		"CHANNELSTREAM_NATS_URL=nats://one:4222, two:4222",
		"CHANNELSTREAM_NATS_CREDS_FILE=/run/secrets/nats.creds",
		"CHANNELSTREAM_NATS_REPLICAS=3",
		"CHANNELSTREAM_BASE_PATH=push/v1/",
		"CHANNELSTREAM_DEMO=off",
		"CHANNELSTREAM_DEMO_API_URL=http://api:8000/",
	)
	same(t, "secrets", s.Access.Secrets, []string{"new", "old"})
	same(t, "host", s.Listen.Host, "::1")
	same(t, "callers", s.Access.AllowPostingFrom, prefixes("0.0.0.0/0", "::/0"))
	same(t, "proxies", s.Access.TrustedProxies, prefixes("10.0.0.0/8", "192.0.2.1/32", "fd00::/8"))
	same(t, "enforce https", s.Access.EnforceHTTPS, true)
	same(t, "max age", s.Access.SignatureMaxAge, 500*time.Millisecond)
	same(t, "user max age", s.Access.UserSignatureMaxAge, 90*time.Minute)
	same(t, "origins", s.Access.AllowedOrigins, []string{"https://example.com", "http://localhost:3000", "null"})
	same(t, "transports", s.Clients.Transports, []string{"polling", "sse", "listen", "jsonp-polling"})
	same(t, "resource", s.Clients.Resource, "push/socket.io")
	same(t, "base path", s.Listen.BasePath, "/push/v1")
	same(t, "no base path", mustLoad(t, "", "CHANNELSTREAM_BASE_PATH=/").Listen.BasePath, "")
	same(t, "max body", s.Limits.MaxBody, 16<<20)
	same(t, "max frame", s.Limits.MaxFrame, 2048)
	same(t, "nats", s.NATS.URL, "nats://one:4222,two:4222")
	same(t, "credentials", s.NATS.CredsFile, "/run/secrets/nats.creds")
	same(t, "replicas", s.NATS.Replicas, 3)
	same(t, "demo", s.DemoOn(), false)
	same(t, "demo api", s.Demo.APIURL, "http://api:8000")
	same(t, "origins *", mustLoad(t, "", "CHANNELSTREAM_ALLOWED_ORIGINS=*").Access.AllowedOrigins, []string(nil))
}

func TestLoadReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	path := writeIni(t, `
stray = 1
[app:main]
port = 70000
colour = red
heartbeat_timeot = 5
[server:main]
host = a b
linger = 1
linger = 2
[strangers]
keys = root
`)
	_, err := settings.Load(t.Context(), []string{
		"CHANNELSTREAM_PROT=1", "CHANNELSTREAM_MAX_USER=0", "CHANNELSTREAM_HEARTBEAT_INTERVAL=soon",
	}, path)
	var faults settings.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("Load = %v, want Faults", err)
	}
	got := map[string]string{}
	for _, fault := range faults {
		got[fault.Key] = fault.Problem
	}
	want := map[string]string{
		"[DEFAULT] stray":                  "unknown section, want [app:main] or [server:main]",
		"[app:main] port":                  `"70000" is not allowed: want at most 65535`,
		"[app:main] colour":                "unknown key",
		"[app:main] heartbeat_timeot":      "unknown key, did you mean HEARTBEAT_TIMEOUT?",
		"[server:main] host":               `"a b" is not allowed: want a host name or an IP address, without a port`,
		"[server:main] linger":             "given twice",
		"[strangers] keys":                 "unknown section, want [app:main] or [server:main]",
		"CHANNELSTREAM_PROT":               "unknown key, did you mean PORT?",
		"CHANNELSTREAM_MAX_USER":           `"0" is not allowed: want at least 1`,
		"CHANNELSTREAM_HEARTBEAT_INTERVAL": `"soon" is not allowed: want a duration such as 5, 0.5, 1m or 1h30m`,
	}
	same(t, "faults", got, want)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != len(want) {
		t.Errorf("%d lines for %d faults:\n%v", len(lines), len(want), err)
	}
}

func TestSectionsMustAgree(t *testing.T) {
	t.Parallel()
	_, err := settings.Load(t.Context(), nil, writeIni(t, "[app:main]\nport = 1\n[server:main]\nport = 2\n"))
	if err == nil || err.Error() != "[server:main] port: differs from [app:main] port" {
		t.Errorf("Load = %v", err)
	}
	same(t, "only one", mustLoad(t, writeIni(t, "[server:main]\nport = 2\n")).Listen.Port, 2)
}

func TestValuesMustFitTogether(t *testing.T) {
	t.Parallel()
	_, err := settings.Load(t.Context(), []string{
		"CHANNELSTREAM_MAX_BODY=2KiB", "CHANNELSTREAM_MAX_MESSAGE=8KiB", "CHANNELSTREAM_BACKLOG_BYTES=4KiB", "CHANNELSTREAM_DRAIN_WINDOW=1m",
	}, "")
	var faults settings.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("Load = %v, want three faults", err)
	}
}

func TestLoadMissingFile(t *testing.T) {
	t.Parallel()
	if _, err := settings.Load(t.Context(), nil, filepath.Join(t.TempDir(), "none.ini")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load = %v, want os.ErrNotExist", err)
	}
}

func TestReferenceIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, key := range settings.Reference() {
		if key.Doc == "" || seen[key.Env] || key.Env != settings.Prefix+strings.ToUpper(key.Ini) {
			t.Errorf("key %+v", key)
		}
		seen[key.Env] = true
		if key.Default == "" {
			continue
		}
		if _, err := settings.Load(t.Context(), []string{fmt.Sprintf("%s=%s", key.Env, key.Default)}, ""); err != nil {
			t.Errorf("default of %s: %v", key.Env, err)
		}
	}
}

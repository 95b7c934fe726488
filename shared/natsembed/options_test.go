package natsembed

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func TestWhatIsWrittenIsSyncedAsOftenAsItWasAsked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"always": {SyncAlways: true}, "every second": {Sync: time.Second}} {
		o.StoreDir, o.Logger = t.TempDir(), slog.New(slog.DiscardHandler)
		s, err := Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		config := s.server().JetStreamConfig()
		if config.SyncAlways != o.SyncAlways || o.Sync > 0 && config.SyncInterval != o.Sync {
			t.Errorf("%s: it is synced always: %t, every %v", name, config.SyncAlways, config.SyncInterval)
		}
	}
}

const shippedConfig = "../../deploy/nats/nats.conf"

// The server of the compose stack notices and syncs as the embedded one does by default.
func TestTheServerThatIsShippedIsConfiguredAlike(t *testing.T) {
	t.Setenv("NATS_USER", `"someone"`)
	t.Setenv("NATS_PASSWORD", `"12345"`)
	o, err := server.ProcessConfigFile(shippedConfig)
	if err != nil {
		t.Fatal(err)
	}
	if o.PingInterval != pingEvery || o.MaxPingsOut != pingsLost || o.SyncInterval != time.Second || o.SyncAlways {
		t.Errorf("pings every %v, %d lost; synced every %v, always: %t", o.PingInterval, o.MaxPingsOut, o.SyncInterval, o.SyncAlways)
	}
}

// The server of the compose stack knows one user, and tells of itself to its own machine alone.
func TestTheServerThatIsShippedLetsInWhoHasThePassword(t *testing.T) {
	t.Setenv("NATS_USER", `"someone"`)
	if _, err := server.ProcessConfigFile(shippedConfig); err == nil {
		t.Error("it starts without a password")
	}
	for _, password := range []string{"12345", "1e9", "12k", "true", "abcDEF", "a-b_c.d~e", "$2"} {
		t.Setenv("NATS_PASSWORD", `"`+password+`"`)
		o, err := server.ProcessConfigFile(shippedConfig)
		if err != nil {
			t.Fatalf("%s: %v", password, err)
		}
		if o.Username != "someone" || o.Password != password {
			t.Errorf("it lets in %q with %q, not %q", o.Username, o.Password, password)
		}
		if o.HTTPHost != "127.0.0.1" || o.HTTPPort != 8222 {
			t.Errorf("it tells of itself at %s:%d", o.HTTPHost, o.HTTPPort)
		}
	}
}

func TestTheRoomOnADiskIsKnownWhereItCanBe(t *testing.T) {
	t.Parallel()
	s, err := Start(Options{StoreDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if room := s.Room(); (room > 0) != (runtime.GOOS == "linux") {
		t.Errorf("room for %d bytes", room)
	}
	if free := freeBytes(t.TempDir() + "/none"); free != 0 {
		t.Errorf("no disk has %d bytes", free)
	}
}

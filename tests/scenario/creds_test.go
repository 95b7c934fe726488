package scenario

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestServicesShowNATSTheirCredentials(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		nats := processes.StartNATSForOneUser(t)
		one := harness.Size{APIs: 1, Presences: 1, Gateways: 1}
		c := harness.StartOn(t, nats, form, one, harness.Setting("NATS_CREDS_FILE", nats.Creds))
		_, s := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		post(t, c.APIs[0], "room", "hello")
		hears(t, s, "hello")
	}, processes)
}

func TestCredentialsThatAreNotThereEndTheStart(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none.creds")
	code, log := processes.Fails(t, harness.Setting("NATS_URL", "nats://127.0.0.1:1"), harness.Setting("NATS_CREDS_FILE", none))
	if code != 2 || !strings.Contains(log, "CHANNELSTREAM_NATS_CREDS_FILE: ") || !strings.Contains(log, none) {
		t.Errorf("exit code %d:\n%s", code, log)
	}
}

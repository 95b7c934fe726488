package scenario

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// The end of a file is lost, as by a power cut or a bad disk: the server starts, says so, and a client whose offset is of
// what is lost is told, though the log goes on.
func TestADamagedStoreIsSaidToOperatorsAndToClients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := processes.AllInOne(t, harness.Setting("DATA_DIR", dir))
	size := 20
	if _, err := n.API().Configure(t.Context(), map[string]client.ChannelConfig{"room": {StoreHistory: true, HistorySize: &size}}); err != nil {
		t.Fatal(err)
	}
	v := harness.NewViewer(t, register(t, n, "alice", "room"))
	v.Come(n)
	for _, text := range []string{"one", "two", "three"} {
		post(t, n, "room", text)
	}
	v.Await("room", "three")
	harness.Eventually(t, "the server has noted how far it is", func() bool {
		var noted map[string]uint64
		content, err := os.ReadFile(filepath.Join(dir, "nats", "inventory.json"))
		return err == nil && json.Unmarshal(content, &noted) == nil && noted["channelstream-log"] >= v.Offset() && noted["KV_channelstream-channels"] > 0
	})
	n.Kill()
	v.Drop()
	cutOff(t, dir, "channelstream-log")
	cutOff(t, dir, "KV_channelstream-channels")
	n.Start()
	for _, said := range []string{"messages for clients that come back", "settings of channels"} {
		if !strings.Contains(n.Log(), said) {
			t.Errorf("the log does not speak of %s", said)
		}
	}
	post(t, n, "room", "four")
	harness.Eventually(t, "the client is back", func() bool { return v.Come(n) })
	harness.Eventually(t, "it is told that it missed something", func() bool { return strings.Contains(v.Faults(), "no longer") })
	post(t, n, "room", "five")
	v.Await("room", "five")
}

// cutOff takes the last bytes from the newest file of a stream.
func cutOff(t *testing.T, dir, stream string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of %s: %v", stream, err)
	}
	newest := files[len(files)-1]
	info, err := os.Stat(newest)
	if err == nil {
		err = os.Truncate(newest, info.Size()-10)
	}
	if err != nil {
		t.Fatal(err)
	}
}

package scenario

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

// What an existing store can not have is refused at the start, with the setting to change, and exit code 2: to try again
// would not help.
func TestSettingsThatTheStoreCanNotHaveEndTheStart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]harness.Option{
		"the log can not move into memory":     harness.Setting("LOG_STORAGE", "memory"),
		"the history can not move into memory": harness.Setting("HISTORY_STORAGE", "memory"),
		"one server keeps no three replicas":   harness.Setting("NATS_REPLICAS", 3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := harness.Setting("DATA_DIR", t.TempDir())
			processes.AllInOne(t, dir).Stop()
			key, _, _ := strings.Cut(change, "=")
			if code, log := processes.Fails(t, dir, change); code != 2 || !strings.Contains(log, "channelstream: "+key+": ") {
				t.Errorf("exit code %d:\n%s", code, log)
			}
			processes.AllInOne(t, dir) // it is as it was
		})
	}
}

// Two processes on one folder would damage what both store.
func TestADataFolderHasOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := harness.Setting("DATA_DIR", t.TempDir())
	first := processes.AllInOne(t, dir)
	if code, log := processes.Fails(t, dir); code != 1 || !strings.Contains(log, "another process uses it") {
		t.Errorf("exit code %d:\n%s", code, log)
	}
	post(t, first, "room", "hello")
	first.Kill() // which leaves the lock to nobody
	processes.AllInOne(t, dir)
}

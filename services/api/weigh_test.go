package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/channelstream/channelstream/services/api"
)

func TestTheMetricsSayWhatTheLogsHold(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("kept", keeps(10))
	k.say("kept", 1)
	k.say("c", 2, 3)
	if err := api.Weigh(k.service, t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `
		# HELP channelstream_api_stored_messages Messages that are kept in the log, and in the history of channels.
		# TYPE channelstream_api_stored_messages gauge
		channelstream_api_stored_messages{store="history"} 1
		channelstream_api_stored_messages{store="log"} 3
	`
	if err := testutil.GatherAndCompare(k.registry, strings.NewReader(want), "channelstream_api_stored_messages"); err != nil {
		t.Error(err)
	}
	for _, store := range []string{"log", "history"} {
		if since := time.Since(time.UnixMilli(int64(1000 * value(t, k, "channelstream_api_stored_oldest_timestamp_seconds", store)))); since < 0 || since > time.Minute {
			t.Errorf("the oldest of the %s is %v old", store, since)
		}
		if most, holds := value(t, k, "channelstream_api_stored_limit_bytes", store), value(t, k, "channelstream_api_stored_bytes", store); most != 1<<30 || holds <= 0 {
			t.Errorf("the %s has %v bytes of %v", store, holds, most)
		}
	}
}

func TestAStoreWithNothingInItHasNoOldestMessage(t *testing.T) {
	t.Parallel()
	k := run(t)
	if err := api.Weigh(k.service, t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(k.registry, "channelstream_api_stored_oldest_timestamp_seconds"); err != nil || n != 0 {
		t.Errorf("%d stores have one: %v", n, err)
	}
}

// value is that of a gauge by store.
func value(t *testing.T, k *keeper, name, store string) float64 {
	t.Helper()
	families, err := k.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == store {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no %s of the %s", name, store)
	return 0
}

package api_test

import (
	"strings"
	"testing"

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
}

package compat

import (
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestTheStockEventSourceAndAPoller(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_LINGER=30s", "CHANNELSTREAM_WAKE_CONNECTIONS_AFTER=500ms")
	runCases(t, system, "./lists.js", 5)
}

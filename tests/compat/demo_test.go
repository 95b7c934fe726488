package compat

import (
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestTheDemosPageOpensItsSocketsBelowAPath(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_DEMO=true", "CHANNELSTREAM_BASE_PATH=/push")
	runCases(t, system, "./demo.js", 2, "COMPAT_DEMO=/push/demo/")
}

func TestTheServerHandsOutTheStockSocketIOClients(t *testing.T) {
	t.Parallel()
	runCases(t, harness.AllInOne(t), "./scripts.js", 6)
}

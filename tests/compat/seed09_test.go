package compat

import (
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

// The client of the seed's page is 0.9.17. Under Node it has two transports, in a browser three.

const (
	transports09   = "CHANNELSTREAM_TRANSPORTS=websocket,xhr-polling,jsonp-polling"
	casesOfSeed09  = 3
	transportsOf09 = 3
)

func TestTheSeedsPageUnderNode(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"websocket", "xhr-polling"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			runCases(t, harness.AllInOne(t, transports09), "./seed09_node.js", casesOfSeed09, "COMPAT_TRANSPORTS="+transport)
		})
	}
}

package compat

import (
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

// A refusal is final to the stock client. So what is not is none.
func TestStockClientsThatStartInAnOutageOfPresenceComeBackByThemselves(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: 1}, harness.Setting("REQUEST_TIMEOUT", "300ms"))
	gateway, presence := c.Gateways[0], c.Presences[0]
	presence.Stop()
	done := make(chan []outcome, 1)
	go func() {
		done <- runNode(t, "./outage.js", []string{"CHANNELSTREAM_URL=" + gateway.URL(), "CHANNELSTREAM_SECRET=" + c.Secret})
	}()
	harness.Eventually(t, "each client has tried more than once", func() bool {
		return gateway.Metric(`channelstream_gateway_refused_total{why="unavailable"}`) >= 9
	})
	presence.Start()
	outcomes := <-done
	if len(outcomes) != 3 {
		t.Errorf("%d cases were run", len(outcomes))
	}
	for _, o := range outcomes {
		if o.Error != "" {
			t.Errorf("%s: %s", o.Case, o.Error)
		}
	}
}

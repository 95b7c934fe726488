package gateway_test

import (
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// A gateway beside a presence that was not updated yet is not in good health, and goes on with what presence knows.
func TestAnOlderPresenceIsSaidAndNotRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	well := func() bool { return g.Service.Shared()["contract"](t.Context()) == nil }
	g.Presence.Register("c1", "alice", "news")
	s := g.Plain("c1")
	if !well() {
		t.Error("a presence of today is older")
	}
	g.Presence.Speak(0)
	gatewaytest.Eventually(t, "the check fails", func() bool { return !well() })
	if n := g.Log.Count("level=WARN msg=\"presence speaks an older contract"); n != 1 {
		t.Errorf("said %d times", n)
	}
	g.Post("news", `{"n":1}`)
	s.Want(`[{"n":1}]`)
	g.Presence.Register("c2", "bob", "news")
	g.Plain("c2")
	g.Presence.Speak(contract.Version)
	gatewaytest.Eventually(t, "presence is updated", well)
}

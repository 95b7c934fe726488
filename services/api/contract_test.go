package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// An api beside a presence that was not updated yet is not in good health, and goes on with what presence knows.
func TestAnOlderPresenceIsSaidAndNotRefused(t *testing.T) {
	t.Parallel()
	k := run(t)
	well := func() bool { return k.service.Shared()["contract"](t.Context()) == nil }
	k.eventually("there is a lease", func() bool { return k.service.Shared()["api lease"](t.Context()) == nil })
	if !well() {
		t.Error("a presence of today is older")
	}
	k.presence.answer(contract.VerbLease, map[string]any{"ttl": 0.3}) // as from before there was a version
	k.eventually("the check fails", func() bool { return !well() })
	if n := strings.Count(k.log.String(), `level=WARN msg="presence speaks an older contract`); n != 1 {
		t.Errorf("said %d times", n)
	}
	k.want(k.post("/message", `{"user":"a","channel":"c"}`), http.StatusOK)
	k.want(k.post("/user_status", `{"user":"a","status":1}`), http.StatusOK)
	k.presence.answer(contract.VerbLease, contract.LeaseAnswer{TTL: 0.3, Contract: contract.Version})
	k.eventually("presence is updated", well)
}

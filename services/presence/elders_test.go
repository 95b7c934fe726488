package presence

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

// While all are updated, presence first, there are gateways and apis that say nothing of what they speak.
func TestAnOlderProcessIsSaidOnceAndKept(t *testing.T) {
	t.Parallel()
	h, log := newSystem(t), &telemetrytest.Journal{}
	c := hasty()
	c.Logger = slog.New(slog.NewTextHandler(log, nil))
	r := h.start(c)
	lease := func(kind contract.LeaseKind, id string, version int) contract.LeaseAnswer {
		return must[contract.LeaseAnswer](h, contract.VerbLease, contract.LeaseRequest{LeaseRecord: contract.LeaseRecord{
			ID: id, Kind: kind, Address: "10.0.0.1:8000", Started: time.Now(), Contract: version,
		}})
	}
	said := func(id string) int {
		return strings.Count(log.String(), `level=INFO msg="a process speaks an older contract than this one" kind=`+id)
	}
	for range 3 {
		if answer := lease(contract.LeaseGateway, "old", 0); answer.Contract != contract.Version || answer.TTL != 1 {
			t.Errorf("answered with %+v", answer)
		}
		lease(contract.LeaseAPI, "older", 0)
		lease(contract.LeaseGateway, "today", contract.Version)
		lease(contract.LeaseGateway, "tomorrow", contract.Version+1)
	}
	eventually(t, "the log says which are older", func() bool { return said("gateway id=old") == 1 && said("api id=older") == 1 })
	lease(contract.LeaseGateway, "old", contract.Version) // it was updated, and has the same name
	lease(contract.LeaseGateway, "last", 0)
	eventually(t, "the log says that another one is older", func() bool { return said("gateway id=last") == 1 })
	if n := strings.Count(log.String(), "older contract"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	if leader := r.leaderLease(); leader == nil || leader.Contract != contract.Version {
		t.Errorf("the leader's lease is %+v", leader)
	}
}

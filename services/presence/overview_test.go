package presence

import (
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestOperatorsSeeWhatAppsHaveDone(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.Version = "v1.2.3-rc1"
	h.start(c)
	h.start(c)
	h.renew("g1")
	h.connect("c1", "alice", "one", "two")
	seen := h.connect("c2", "bob", "two").Seen // whichever replica is asked has seen it too
	for range 4 {
		overview := must[contract.OverviewAnswer](h, contract.VerbOverview, contract.OverviewRequest{Seen: seen})
		if overview.TotalConnections != 2 || overview.UniqueUsers != 2 || overview.TotalChannels != 2 || overview.Dormant != 0 {
			t.Errorf("%+v", overview)
		}
		channels := must[contract.ListChannelsAnswer](h, contract.VerbListChannels, contract.ListChannelsRequest{Page: contract.Page{Seen: seen, After: "one"}})
		if len(channels.Channels) != 1 || channels.Channels[0].Name != "two" || channels.Channels[0].Users != 2 || channels.Next != "" {
			t.Errorf("%+v", channels)
		}
		users := must[contract.ListUsersAnswer](h, contract.VerbListUsers, contract.ListUsersRequest{Page: contract.Page{Seen: seen, Limit: 1}, Present: true})
		if len(users.Users) != 1 || users.Users[0].User != "alice" || users.Next != "alice" {
			t.Errorf("%+v", users)
		}
		connections := must[contract.ListConnectionsAnswer](h, contract.VerbListConnections,
			contract.ListConnectionsRequest{Page: contract.Page{Seen: seen}, User: "bob"})
		if len(connections.Connections) != 1 || connections.Connections[0].ConnID != "c2" || connections.Connections[0].State != contract.Pending {
			t.Errorf("%+v", connections)
		}
	}
}

// Each replica has a lease of its own, so that operators see those too that do not lead; and it ends with the replica.
func TestEveryReplicaIsSeen(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.Version, c.LeaseTTL = "v1.2.3-rc1", time.Second
	h.start(c)
	other := h.start(c)
	replicas := func(leading int) func() bool {
		return func() bool {
			found, leads := 0, 0
			for _, i := range must[contract.OverviewAnswer](h, contract.VerbOverview, contract.OverviewRequest{}).Instances {
				if i.Service != contract.LeasePresence || i.Version != "v1.2.3-rc1" || i.Renewed == "" || i.Contract != contract.Version {
					return false
				}
				found++
				if i.Leads {
					leads++
				}
			}
			return found == leading && leads == 1
		}
	}
	eventually(t, "both are seen, and one leads", replicas(2))
	other.stop()
	eventually(t, "one is seen, and leads", replicas(1))
}

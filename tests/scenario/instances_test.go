package scenario

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// lookAt asks an api for what operators look at.
func lookAt(t *testing.T, c *harness.Cluster, api *harness.Node, path, query string, answer any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL()+path+"?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Channelstream-Secret", signature.Sign(c.Secret, path, time.Now()))
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, response.StatusCode, err)
	}
}

// Whichever api an operator asks, it shows every process of the installation, and who is where at any gateway.
func TestOperatorsSeeTheWholeInstallationFromAnyAPI(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		for i, gateway := range c.Gateways {
			enter(t, c.APIs[i], gateway, fmt.Sprint("user", i), "room", fmt.Sprint("own", i))
		}
		for _, api := range c.APIs {
			deadline := time.Now().Add(20 * time.Second)
			for seen := ""; seen != "2 apis, 2 gateways with 2 sessions, 2 presences, 1 leads"; <-time.After(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("seen: %s", seen)
				}
				var answer struct{ Instances []contract.Instance }
				lookAt(t, c, api, "/admin/instances", "", &answer)
				kinds, sessions, leads := map[contract.LeaseKind]int{}, 0, 0
				for _, i := range answer.Instances {
					if kinds[i.Service]++; i.Leads {
						leads++
					}
					sessions += i.Sessions
				}
				seen = fmt.Sprintf("%d apis, %d gateways with %d sessions, %d presences, %d leads", kinds[contract.LeaseAPI],
					kinds[contract.LeaseGateway], sessions, kinds[contract.LeasePresence], leads)
			}
			var channels contract.ListChannelsAnswer
			lookAt(t, c, api, "/admin/channels", "search=OO&limit=1", &channels)
			if len(channels.Channels) != 1 || channels.Channels[0].Name != "room" || channels.Channels[0].Users != 2 || channels.Next != "" {
				t.Errorf("%+v", channels)
			}
			var connections contract.ListConnectionsAnswer
			lookAt(t, c, api, "/admin/connections", "channel=room", &connections)
			if len(connections.Connections) != 2 || connections.Connections[0].Gateway == connections.Connections[1].Gateway {
				t.Errorf("%+v", connections)
			}
			var all struct {
				Connections int `json:"total_connections"`
				Channels    map[string]contract.ChannelInfo
				Users       []contract.UserInfo
			}
			lookAt(t, c, api, "/admin/admin.json", "", &all)
			if all.Connections != 2 || len(all.Channels) != 3 || len(all.Users) != 2 || len(all.Channels["room"].Users) != 2 {
				t.Errorf("%+v", all)
			}
		}
	})
}

package api_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

var adminPaths = []string{"/admin/admin.json", "/admin/instances", "/admin/channels", "/admin/users", "/admin/connections"}

func TestWhatOperatorsLookAtNeedsASignature(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range adminPaths {
		s.fault(s.do(request(http.MethodGet, path, "")), http.StatusForbidden)
		s.fault(s.do(request(http.MethodGet, path+"?secret=bad", "")), http.StatusUnauthorized)
		s.fault(s.do(signed(http.MethodDelete, path, "")), http.StatusMethodNotAllowed)
		s.want(s.do(signed(http.MethodGet, path, "")), http.StatusOK)
		s.want(s.do(signed(http.MethodPost, path, "{}")), http.StatusOK)
		if unknown := s.paths(s.do(signed(http.MethodGet, path+"?color=red", ""))); !unknown["color"] {
			t.Errorf("%s: %v", path, unknown)
		}
	}
}

// A look is in the query or in a body, and means the same.
func TestAPageIsAskedForAsItIsChosen(t *testing.T) {
	t.Parallel()
	s := start(t)
	want := contract.ListConnectionsRequest{User: "a b", Channel: "c&d", Page: contract.Page{After: "é", Limit: 7}}
	for _, r := range []*http.Request{
		signed(http.MethodGet, "/admin/connections?user=a+b&channel=c%26d&after=%C3%A9&limit=7", ""),
		signed(http.MethodPost, "/admin/connections", `{"user":"a b","channel":"c&d","after":"é","limit":7}`),
	} {
		s.want(s.do(r), http.StatusOK)
		if got := last[contract.ListConnectionsRequest](t, s.presence, contract.VerbListConnections); got != want {
			t.Errorf("%s: %+v", r.Method, got)
		}
	}
	s.want(s.do(signed(http.MethodGet, "/admin/users?search=Al", "")), http.StatusOK)
	if got := last[contract.ListUsersRequest](t, s.presence, contract.VerbListUsers); got.Search != "Al" || got.Present || got.Whole {
		t.Errorf("%+v", got)
	}
}

func TestAPageThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=many": "limit", "limit=": "limit", "limit=1&limit=2": "limit",
		"after=%ff": "after", "after=%00": "after", "search=" + strings.Repeat("x", 257): "search",
	} {
		if paths := s.paths(s.do(signed(http.MethodGet, "/admin/channels?"+query, ""))); !paths[field] {
			t.Errorf("%s: %v", query, paths)
		}
	}
	if n := s.presence.count(contract.VerbListChannels); n != 0 {
		t.Errorf("presence was asked %d times", n)
	}
	s.fault(s.do(signed(http.MethodPost, "/admin/channels", `{`)), http.StatusBadRequest)
}

// The keys that section 16 of the record names, and a page of which no name is missed and none comes twice.
func TestAdminJSONSaysWhatTheOriginalSaid(t *testing.T) {
	t.Parallel()
	s := start(t)
	listed := func(name string) contract.ListedChannel {
		return contract.ListedChannel{Name: name, Info: &contract.ChannelInfo{Name: name, History: []json.RawMessage{}, Users: []string{"alice"}}}
	}
	s.presence.answer(contract.VerbOverview, contract.OverviewAnswer{
		UniqueUsers: 1, RememberedUsers: 2, TotalConnections: 3, TotalChannels: 4, TotalMessages: 5, TotalUniqueMessages: 6, Uptime: 90061.9,
	})
	s.presence.answer(contract.VerbListChannels, contract.ListChannelsAnswer{Channels: []contract.ListedChannel{listed("a"), listed("m")}})
	state := map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "own": json.RawMessage(`1`)}
	s.presence.answer(contract.VerbListUsers, contract.ListUsersAnswer{Next: "b", Users: []contract.ListedUser{
		{User: "alice", Status: 2, State: state, PublicKeys: []string{"color"}, Connections: 1, ConnIDs: []string{"c1"}}, {User: "b"},
	}})
	wantAnswer(t, s.want(s.do(signed(http.MethodGet, "/admin/admin.json?limit=2", "")), http.StatusOK), `{
		"remembered_user_count":2,"unique_user_count":1,"total_connections":3,"total_channels":4,"total_messages":5,"total_unique_messages":6,
		"channels":{"a":{"uuid":"","name":"a","long_name":null,"settings":{"notify_presence":false,"store_history":false,"history_size":0,
			"broadcast_presence_with_user_lists":false,"notify_state":false,"store_frames":false},"history":[],"last_active":null,
			"total_connections":0,"total_users":0,"users":["alice"]}},
		"users":[{"user":"alice","status":2,"state":{"color":"red"},"connections":["c1"]},{"user":"b","status":0,"state":{}}],
		"uptime":"1 day, 1:01:01","version":"1.2.3","next":"b"}`)
	page := last[contract.ListUsersRequest](t, s.presence, contract.VerbListUsers)
	if !page.Present || !page.Whole || page.Limit != 2 {
		t.Errorf("%+v", page)
	}
}

func TestInstancesAreThoseOfTheOverview(t *testing.T) {
	t.Parallel()
	s := start(t)
	wantAnswer(t, s.want(s.do(signed(http.MethodGet, "/admin/instances", "")), http.StatusOK), `{"instances":[]}`)
	one := contract.Instance{Service: contract.LeaseGateway, ID: "g1", Version: "1.2.3", Sessions: 9}
	s.presence.answer(contract.VerbOverview, contract.OverviewAnswer{Instances: []contract.Instance{one}})
	var answer struct{ Instances []contract.Instance }
	if err := json.Unmarshal([]byte(s.want(s.do(signed(http.MethodGet, "/admin/instances", "")), http.StatusOK)), &answer); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(answer.Instances, []contract.Instance{one}) {
		t.Errorf("%+v", answer)
	}
}

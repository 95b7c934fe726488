package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// Golden part 6: what is given, and defaults for all else.
func TestConfiguringChannelsAsksPresence(t *testing.T) {
	t.Parallel()
	s := start(t)
	long := "A"
	s.presence.answer(contract.VerbConfigure, contract.ConfigureAnswer{
		Seen: contract.Seen{Revision: 9}, ChannelsInfo: contract.ChannelsInfo{
			Channels: map[string]contract.ChannelInfo{"cfg": {
				UUID: "u", Name: "cfg", LongName: &long, Settings: keeps(3), History: []json.RawMessage{}, Users: []string{},
			}}, Users: []contract.UserInfo{},
		},
	})
	body := s.want(s.post("/channel_config", `{"cfg":{"notify_presence":true,"store_history":"yes","history_size":"3",
		"broadcast_presence_with_user_lists":true,"notify_state":1,"store_frames":false,"long_name":"A"},"cfg2":{},"cfg3":{"long_name":null}}`), http.StatusOK)
	const want = `{"channels":{"cfg":{"uuid":"u","name":"cfg","long_name":"A","settings":{"notify_presence":false,"store_history":true,` +
		`"history_size":3,"broadcast_presence_with_user_lists":false,"notify_state":false,"store_frames":true},"history":[],` +
		`"last_active":null,"total_connections":0,"total_users":0,"users":[]}},"users":[]}`
	if body != want {
		t.Errorf("answered %s\nwant %s", body, want)
	}
	asked := last[contract.ConfigureRequest](t, s.presence, contract.VerbConfigure).Channels
	all := contract.ChannelSettings{NotifyPresence: true, StoreHistory: true, HistorySize: 3, BroadcastPresenceWithUserLists: true, NotifyState: true}
	if len(asked) != 3 || asked["cfg"].ChannelSettings != all || *asked["cfg"].LongName != "A" || !asked["cfg2"].IsDefault() || !asked["cfg3"].IsDefault() {
		t.Errorf("asked %+v", asked)
	}
	s.want(s.do(signed(http.MethodGet, "/info", "")), http.StatusOK)
	if asked := last[contract.InfoRequest](t, s.presence, contract.VerbInfo); asked.Revision != 9 {
		t.Errorf("the app may not read its own settings: %+v", asked)
	}
}

// Golden part 6: what is refused.
func TestABadConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_MAX_CHANNELS=3")
	for body, want := range map[string][]string{
		`[]`: {"_schema"}, `null`: {"_schema"}, `5`: {"_schema"},
		`{"c1":5}`: {"c1"}, `{"c1":[]}`: {"c1"}, `{"c1":{"history_size":-1}}`: {"c1.history_size"},
		`{"c1":{"zzz":1}}`: {"c1.zzz"}, `{"c1":{"notify_presence":null}}`: {"c1.notify_presence"},
		`{"":{},"a\u0000":{},"good":{"store_history":true},"c1":{"store_frames":"maybe","long_name":5}}`: {"", "a\x00", "c1.long_name", "c1.store_frames"},
		`{"a":{},"b":{},"c":{},"d":{}}`: {"_schema"},
	} {
		if got := slices.Sorted(maps.Keys(s.paths(s.post("/channel_config", body)))); !slices.Equal(got, want) {
			t.Errorf("%s: faults at %q, want %q", body, got, want)
		}
	}
	for _, body := range []string{``, `{`, `{"a":{},"a":{}}`} {
		s.fault(s.post("/channel_config", body), http.StatusBadRequest)
	}
	if body := s.want(s.post("/channel_config", `{}`), http.StatusOK); body != `{"channels":{},"users":[]}` {
		t.Errorf("nothing to configure: %s", body)
	}
	if n := s.presence.count(contract.VerbConfigure); n != 0 {
		t.Errorf("presence was asked %d times", n)
	}
}

func TestMessagesObeyTheSettingsThatTheAppHasJustGiven(t *testing.T) {
	t.Parallel()
	k := run(t)
	for n := range 30 {
		settings := keeps(10)
		settings.StoreHistory = n%2 == 0
		k.configure("room", settings)
		k.say("room", n)
	}
	if n := len(k.records("room")); n != 15 {
		t.Errorf("%d messages are remembered, want 15", n)
	}
}

func TestSettingsThatDoNotArriveAre503(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_REQUEST_TIMEOUT=100ms")
	seen := contract.Seen{Settings: 1 << 60}
	s.presence.answer(contract.VerbConfigure, contract.ConfigureAnswer{Seen: seen})
	s.fault(s.post("/channel_config", `{"a":{}}`), http.StatusServiceUnavailable)
	s.presence.answer(contract.VerbConnect, contract.ConnectAnswer{Seen: seen})
	s.fault(s.post("/connect", `{"user":"a"}`), http.StatusServiceUnavailable)
}

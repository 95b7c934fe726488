package request

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

var limits = Limits{Message: 256 << 10, Messages: 1000, Channels: 1000, User: 512, Channel: 256, ConnID: 128}

// faultOf gives the fault in err, or fails the test.
func faultOf(t *testing.T, err error, code contract.Code) *contract.Fault {
	t.Helper()
	var fault *contract.Fault
	if !errors.As(err, &fault) || fault.Code != code {
		t.Fatalf("error %v, want a fault with code %s", err, code)
	}
	return fault
}

func wantPaths(t *testing.T, err error, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(faultOf(t, err, contract.CodeInvalid).Fields))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("faults at %q\nwant %q", got, want)
	}
}

func TestConnectReadsEverything(t *testing.T) {
	t.Parallel()
	got, err := Connect([]byte(`{"username":"alice","conn_id":"{A0000000-0000-4000-8000-00000000000B}","channels":["z","a","a"],
		"status":3,"fresh_user_state":{"n":1,"f":1.5e3,"b":true,"s":"x","nil":null},"user_state":{"extra":"e"},
		"state_public_keys":["extra","absent"],"info":{"return_public_state":true,"include_history":false,"include_users":"no",
		"include_connections":1,"exclude_channels":["z"],"channels":["ignored"]},
		"channel_configs":{"a":{"notify_presence":"yes","notify_state":1,"store_history":"on","history_size":"3",
		"broadcast_presence_with_user_lists":"True","long_name":"A"},"z":{},"not-in-channels":{"store_history":true}}}`), limits)
	if err != nil {
		t.Fatal(err)
	}
	status, long := 3, "A"
	want := contract.ConnectRequest{
		ConnID: "a0000000-0000-4000-8000-00000000000b", User: "alice", Channels: []string{"a", "z"}, Status: &status,
		FreshState: map[string]json.RawMessage{
			"n": json.RawMessage("1"), "f": json.RawMessage("1.5e3"), "b": json.RawMessage("true"),
			"s": json.RawMessage(`"x"`), "nil": json.RawMessage("null"),
		},
		State:      map[string]json.RawMessage{"extra": json.RawMessage(`"e"`)},
		PublicKeys: []string{"extra", "absent"},
		Info: contract.InfoOptions{
			ExcludeChannels: []string{"z"}, OmitHistory: true, OmitUsers: true, IncludeConnections: true, PublicState: true,
		},
		ChannelConfigs: map[string]contract.ChannelConfig{
			"a": {LongName: &long, ChannelSettings: contract.ChannelSettings{
				NotifyPresence: true, NotifyState: true, StoreHistory: true, HistorySize: 3,
				BroadcastPresenceWithUserLists: true, StoreFrames: true,
			}},
			"z": {ChannelSettings: contract.DefaultChannelSettings()},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestConnectMakesAConnID(t *testing.T) {
	t.Parallel()
	one, err := Connect([]byte(`{"user":"a"}`), limits)
	other, _ := Connect([]byte(`{"user":"a"}`), limits)
	if err != nil || len(one.ConnID) != 36 || one.ConnID[14] != '4' || one.ConnID == other.ConnID {
		t.Errorf("made %q and %q (%v)", one.ConnID, other.ConnID, err)
	}
}

func TestConnectReplacesPublicKeys(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"user":"a"}`, `{"user":"a","state_public_keys":[]}`} {
		if got, err := Connect([]byte(body), limits); err != nil || got.PublicKeys == nil || len(got.PublicKeys) != 0 {
			t.Errorf("%s: %#v (%v)", body, got.PublicKeys, err)
		}
	}
}

func TestConnectNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Connect([]byte(`{"conn_id":null,"channels":["",1,"`+strings.Repeat("c", 257)+`","ok"],"foo":1,"status":1.5,
		"fresh_user_state":{"a":[],"b":{},"c":1,"d":1e999},"user_state":[],"state_public_keys":["",1],
		"info":{"foo":1,"include_users":"maybe","exclude_channels":"a","channels":[""]},
		"channel_configs":{"a":{"history_size":-1},"b":5,"c":{"foo":1},"d":{"notify_presence":"maybe","store_history":null,"history_size":"z"},"":{}}}`), limits)
	wantPaths(t, err, "user", "conn_id", "channels.0", "channels.1", "channels.2", "foo", "status",
		"fresh_user_state.a", "fresh_user_state.b", "fresh_user_state.d", "user_state", "state_public_keys.0", "state_public_keys.1",
		"info.foo", "info.include_users", "info.exclude_channels", "info.channels.0",
		"channel_configs.a.history_size", "channel_configs.b", "channel_configs.c.foo",
		"channel_configs.d.notify_presence", "channel_configs.d.store_history", "channel_configs.d.history_size", "channel_configs.")
}

func TestABodyThatIsNoObjectIsOneFault(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[]`, `null`, `5`, `"str"`, `true`} {
		_, err := Connect([]byte(body), limits)
		wantPaths(t, err, "_schema")
		_, err = Subscribe([]byte(body), "", limits)
		wantPaths(t, err, "_schema")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", ".", "*", ">", " ", "🙂", strings.Repeat("ü", 512), "a/b?c#d", `"\`} {
		quoted, _ := json.Marshal(name)
		got, err := UserStatus([]byte(`{"status":1,"user":`+string(quoted)+`}`), limits)
		if err != nil || got.User != name {
			t.Errorf("%q became %q (%v)", name, got.User, err)
		}
	}
	for _, quoted := range []string{
		`""`, `"` + strings.Repeat("ü", 513) + `"`, `"a\u0000"`, `"\n"`, `"\u007f"`, `"\u0085"`, "\"\u0085\"", `"\ud800"`, `"\udc00\ud800"`,
		`"\ud800x\udc00"`, `5`, `null`, `["a"]`,
	} {
		_, err := UserStatus([]byte(`{"status":1,"user":`+quoted+`}`), limits)
		wantPaths(t, err, "user")
	}
	if got, err := UserStatus([]byte(`{"status":1,"user":"\ud83d\ude42"}`), limits); err != nil || got.User != "🙂" {
		t.Errorf("a surrogate pair became %q (%v)", got.User, err)
	}
}

func TestConnIDs(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"abc":                                  "abc",
		"A0000000-0000-4000-8000-00000000000B": "a0000000-0000-4000-8000-00000000000b",
		"a0000000000040008000000000000002":     "a0000000-0000-4000-8000-000000000002",
		"urn:uuid:a0000000-0000-4000-8000-000000000004": "a0000000-0000-4000-8000-000000000004",
		strings.Repeat("x", 128):                        strings.Repeat("x", 128),
	} {
		got, err := Disconnect([]byte(`{"conn_id":"`+given+`","whatever":1}`), "", limits)
		if err != nil || got.ConnID != want {
			t.Errorf("%s became %s (%v)", given, got.ConnID, err)
		}
		if got, err = Disconnect(nil, given, limits); err != nil || got.ConnID != want {
			t.Errorf("in a query %s became %s (%v)", given, got.ConnID, err)
		}
	}
	for _, given := range []string{"", strings.Repeat("x", 129), "a\x00", "\xff"} {
		_, err := Disconnect(nil, given, limits)
		wantPaths(t, err, "conn_id")
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for _, yes := range []string{`true`, `1`, `"yes"`, `"on"`, `"True"`, `"T"`, `"y"`, `"1"`} {
		got, err := Info([]byte(`{"info":{"include_connections":`+yes+`}}`), limits)
		if err != nil || !got.Options.IncludeConnections {
			t.Errorf("%s is %v (%v)", yes, got.Options.IncludeConnections, err)
		}
	}
	for _, no := range []string{`false`, `0`, `"no"`, `"off"`, `"False"`, `"F"`, `"n"`, `"0"`} {
		got, err := Info([]byte(`{"info":{"include_history":`+no+`}}`), limits)
		if err != nil || !got.Options.OmitHistory {
			t.Errorf("%s is %v (%v)", no, !got.Options.OmitHistory, err)
		}
	}
	for _, neither := range []string{`2`, `"maybe"`, `""`, `null`, `[]`, `1.0`} {
		_, err := Info([]byte(`{"info":{"include_users":`+neither+`}}`), limits)
		wantPaths(t, err, "info.include_users")
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]int{`0`: 0, `-7`: -7, `3.0`: 3, `1e3`: 1000, `"4"`: 4} {
		got, err := UserStatus([]byte(`{"user":"a","status":`+given+`}`), limits)
		if err != nil || got.Status != want {
			t.Errorf("%s is %d (%v)", given, got.Status, err)
		}
	}
	for _, given := range []string{`1.5`, `true`, `"x"`, `""`, `null`, `1e400`, `9007199254740993`, `"1.0"`, `{}`, strings.Repeat("9", 5000)} {
		_, err := UserStatus([]byte(`{"user":"a","status":`+given+`}`), limits)
		wantPaths(t, err, "status")
	}
}

func TestInfoForms(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		``: nil, "\n": nil, `{}`: nil, `{"channels":[]}`: nil, `{"info":{}}`: nil, `{"info":{"channels":[]}}`: nil,
		`{"channels":["b","a"]}`: {"a", "b"}, `{"info":{"channels":["b","a"]}}`: {"a", "b"},
	} {
		got, err := Info([]byte(body), limits)
		if err != nil || len(got.Channels) != len(want) || len(want) > 0 && !slices.Equal(got.Channels, want) {
			t.Errorf("%s asks for %v (%v)", body, got.Channels, err)
		}
	}
	_, err := Info([]byte(`{"info":{},"channels":[]}`), limits)
	wantPaths(t, err, "channels")
	_, err = Info([]byte(`{"info":null}`), limits)
	wantPaths(t, err, "info")
}

func TestSubscribeTargets(t *testing.T) {
	t.Parallel()
	got, err := Subscribe([]byte(`{"channels":["b","a"],"conn_id":"c"}`), "ignored", limits)
	if err != nil || got.ConnID != "c" || !slices.Equal(got.Channels, []string{"a", "b"}) {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err = Subscribe([]byte(`{"channels":["a"]}`), "q", limits); err != nil || got.ConnID != "q" {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err = Subscribe([]byte(`{"channels":["a"],"username":"u"}`), "", limits); err != nil || got.User != "u" || got.ConnID != "" {
		t.Errorf("got %+v (%v)", got, err)
	}
	_, err = Subscribe([]byte(`{"conn_id":"c","user":"u","channels":[ ]}`), "", limits)
	wantPaths(t, err, "user", "channels")
	_, err = Subscribe([]byte(`{}`), "", limits)
	wantPaths(t, err, "conn_id", "channels")
	_, err = Unsubscribe([]byte(`{"conn_id":"c","user":"u","channel_configs":{}}`), "", limits)
	wantPaths(t, err, "user", "channels", "channel_configs")
	_, err = Unsubscribe([]byte(`{}`), "", limits)
	wantPaths(t, err, "conn_id", "channels")
	if got, err := Unsubscribe([]byte(`{"channels":["a"],"username":"u"}`), "", limits); err != nil || got.User != "u" || got.ConnID != "" {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err := Unsubscribe([]byte(`{"channels":["a"]}`), "q", limits); err != nil || got.ConnID != "q" {
		t.Errorf("got %+v (%v)", got, err)
	}
}

func TestDifferingUserAndUsernameAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Connect([]byte(`{"user":"a","username":"b"}`), limits)
	wantPaths(t, err, "username")
	if got, err := Connect([]byte(`{"user":"a","username":"a"}`), limits); err != nil || got.User != "a" {
		t.Errorf("the same twice: %q (%v)", got.User, err)
	}
}

func TestListsHaveALimit(t *testing.T) {
	t.Parallel()
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"c",`, n), ",") + "]" }
	if _, err := Connect([]byte(`{"user":"a","channels":`+list(1000)+`}`), limits); err != nil {
		t.Errorf("1000 channels: %v", err)
	}
	_, err := Connect([]byte(`{"user":"a","channels":`+list(1001)+`}`), limits)
	wantPaths(t, err, "channels")
}

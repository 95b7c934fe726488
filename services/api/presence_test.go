package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestConnectAsksPresenceAndAnswersWithoutTheRevision(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbConnect, contract.ConnectAnswer{
		Seen: contract.Seen{Revision: 7}, ConnID: "c1", User: "alice", Status: 1,
		State: map[string]json.RawMessage{"a": json.RawMessage("1")}, PublicState: map[string]json.RawMessage{}, Channels: []string{"a", "b"},
		ChannelsInfo: contract.ChannelsInfo{Channels: map[string]contract.ChannelInfo{}, Users: []contract.UserInfo{}},
	})
	body := s.want(s.post("/connect", `{"username":"alice","conn_id":"c1","channels":["b","a","a"],"status":1}`), http.StatusOK)
	const want = `{"conn_id":"c1","user":"alice","status":1,"state":{"a":1},"public_state":{},"channels":["a","b"],` +
		`"channels_info":{"channels":{},"users":[]},"username":"alice"}`
	if body != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
	asked := last[contract.ConnectRequest](t, s.presence, contract.VerbConnect)
	if asked.ConnID != "c1" || asked.User != "alice" || !slices.Equal(asked.Channels, []string{"a", "b"}) || asked.Status == nil || *asked.Status != 1 {
		t.Errorf("asked %+v", asked)
	}
}

func TestInfoReadsItsOwnWrites(t *testing.T) {
	t.Parallel()
	s := start(t)
	for verb, answer := range map[string]any{
		contract.VerbConnect:    contract.ConnectAnswer{Seen: contract.Seen{Revision: 9}},
		contract.VerbDisconnect: contract.DisconnectAnswer{Seen: contract.Seen{Revision: 4}, Known: true},
	} {
		s.presence.answer(verb, answer)
	}
	s.want(s.post("/connect", `{"user":"a"}`), http.StatusOK)
	s.want(s.post("/disconnect", `{"conn_id":"a"}`), http.StatusOK)
	s.want(s.do(signed(http.MethodGet, "/info", "")), http.StatusOK)
	if asked := last[contract.InfoRequest](t, s.presence, contract.VerbInfo); asked.Revision != 9 || asked.Channels != nil {
		t.Errorf("asked %+v", asked)
	}
}

func TestInfoIsAnsweredToGETAndPOST(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbInfo, contract.InfoAnswer{UniqueUsers: 3, ChannelsInfo: contract.ChannelsInfo{
		Channels: map[string]contract.ChannelInfo{"a": {Name: "a"}}, Users: []contract.UserInfo{},
	}})
	for _, w := range []string{
		s.want(s.do(signed(http.MethodGet, "/info", "")), http.StatusOK), s.want(s.post("/info", `{"channels":["a"]}`), http.StatusOK),
		s.want(s.post("/info", `{"info":{"channels":["a"]}}`), http.StatusOK),
	} {
		got := object(t, []byte(w))
		for _, key := range []string{
			"channels", "users", "unique_users", "remembered_users", "total_connections", "total_messages", "total_unique_messages", "uptime",
		} {
			if _, found := got[key]; !found {
				t.Errorf("no %s in %s", key, w)
			}
		}
	}
}

func TestSubscribeAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbSubscribe, contract.SubscribeAnswer{
		Seen: contract.Seen{Revision: 1}, Channels: []string{"a"}, ChannelsInfo: &contract.ChannelsInfo{},
	})
	body := s.want(s.post("/subscribe", `{"conn_id":"c","channels":["a"]}`), http.StatusOK)
	if got := slices.Sorted(maps.Keys(object(t, []byte(body)))); !slices.Equal(got, []string{"channels", "channels_info", "subscribed_to"}) {
		t.Errorf("got %s", body)
	}
	if !strings.Contains(body, `"subscribed_to":[]`) {
		t.Errorf("nothing new: %s", body)
	}
	if body := s.want(s.post("/subscribe", `{"user":"u","channels":["a"]}`), http.StatusOK); body != `{"channels":["a"]}` {
		t.Errorf("of a user: %s", body)
	}
	s.want(s.do(signed(http.MethodPost, "/subscribe?conn_id=A0000000000040008000000000000002", `{"channels":["a"]}`)), http.StatusOK)
	if asked := last[contract.SubscribeRequest](t, s.presence, contract.VerbSubscribe); asked.ConnID != "a0000000-0000-4000-8000-000000000002" {
		t.Errorf("asked %+v", asked)
	}
}

func TestUnsubscribeAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	body := s.want(s.post("/unsubscribe", `{"conn_id":"c","channels":["a"]}`), http.StatusOK)
	if got := slices.Sorted(maps.Keys(object(t, []byte(body)))); !slices.Equal(got, []string{"channels", "channels_info", "unsubscribed_from"}) {
		t.Errorf("got %s", body)
	}
}

func TestUnsubscribeOfAUserAsksForTheUserAndAnswersWithoutInfo(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbUnsubscribe, contract.UnsubscribeAnswer{
		Seen: contract.Seen{Revision: 9}, Channels: []string{"b"}, UnsubscribedFrom: []string{"a"},
	})
	body := s.want(s.post("/unsubscribe", `{"username":"u","channels":["a"]}`), http.StatusOK)
	if body != `{"channels":["b"],"unsubscribed_from":["a"]}` {
		t.Errorf("got %s", body)
	}
	asked := last[contract.UnsubscribeRequest](t, s.presence, contract.VerbUnsubscribe)
	if asked.User != "u" || asked.ConnID != "" || !slices.Equal(asked.Channels, []string{"a"}) {
		t.Errorf("asked %+v", asked)
	}
	for body, field := range map[string]string{
		`{"user":"u","conn_id":"c","channels":["a"]}`:        "user",
		`{"channels":["a"]}`:                                 "conn_id",
		`{"user":"u"}`:                                       "channels",
		`{"user":"u","channels":["a"],"channel_configs":{}}`: "channel_configs",
	} {
		if paths := s.paths(s.post("/unsubscribe", body)); !paths[field] {
			t.Errorf("%s: faults at %v", body, paths)
		}
	}
}

func TestDisconnectIsOpen(t *testing.T) {
	t.Parallel()
	s := start(t)
	stranger := request(http.MethodGet, "/disconnect?conn_id=c", "")
	stranger.RemoteAddr = "198.51.100.1:1"
	if body := s.want(s.do(stranger), http.StatusOK); body != "true" {
		t.Errorf("got %s", body)
	}
	s.presence.answer(contract.VerbDisconnect, contract.DisconnectAnswer{})
	if body := s.want(s.do(request(http.MethodPost, "/disconnect", `{"conn_id":"c","other":1}`)), http.StatusOK); body != "false" {
		t.Errorf("got %s", body)
	}
	s.want(s.do(request(http.MethodPost, "/disconnect?conn_id=c", "")), http.StatusOK)
	if paths := s.paths(s.do(request(http.MethodGet, "/disconnect", ""))); !paths["conn_id"] {
		t.Errorf("faults at %v", paths)
	}
	s.fault(s.do(request(http.MethodGet, "/disconnect?conn_id=c&secret=bad", "")), http.StatusUnauthorized)
}

func TestUserStatusIsPassedOn(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbUserStatus, contract.UserStatusAnswer{User: "a", Status: 4, State: map[string]json.RawMessage{}})
	if body := s.want(s.post("/user_status", `{"user":"a","status":4}`), http.StatusOK); body != `{"user":"a","status":4,"state":{}}` {
		t.Errorf("got %s", body)
	}
}

func TestUserStateIsPassedOnWithWhatTheAppHasSeen(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbConnect, contract.ConnectAnswer{Seen: contract.Seen{Revision: 9}})
	s.presence.answer(contract.VerbUserState, contract.UserStateAnswer{
		State:   map[string]json.RawMessage{"a": json.RawMessage("1")},
		Changed: []contract.StateChange{{Key: "a", Value: json.RawMessage("1")}}, PublicKeys: []string{},
	})
	s.want(s.post("/connect", `{"user":"a"}`), http.StatusOK)
	body := s.want(s.post("/user_state", `{"username":"a","user_state":{"a":1},"state_public_keys":[]}`), http.StatusOK)
	if body != `{"user_state":{"a":1},"changed_state":[{"key":"a","value":1}],"public_keys":[]}` {
		t.Errorf("got %s", body)
	}
	asked := last[contract.UserStateRequest](t, s.presence, contract.VerbUserState)
	if asked.Revision != 9 || asked.User != "a" || string(asked.State["a"]) != "1" || asked.PublicKeys == nil || len(asked.PublicKeys) > 0 {
		t.Errorf("asked %+v", asked)
	}
	s.want(s.post("/user_state", `{"user":"a","state_public_keys":null}`), http.StatusOK)
	if asked := last[contract.UserStateRequest](t, s.presence, contract.VerbUserState); asked.PublicKeys != nil || asked.State != nil {
		t.Errorf("null for the public keys asks %+v", asked)
	}
}

func TestFaultsOfPresenceReachTheApp(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbSubscribe, contract.Invalid("conn_id", contract.UnknownConnection))
	fault := s.fault(s.post("/subscribe", `{"conn_id":"c","channels":["a"]}`), http.StatusUnprocessableEntity)
	if sentences := fault.Fields["conn_id"]; len(sentences) != 1 || sentences[0] != contract.UnknownConnection {
		t.Errorf("got %+v", fault)
	}
	s.presence.answer(contract.VerbConnect, &contract.Fault{Code: contract.CodeConflict, Message: "taken"})
	s.fault(s.post("/connect", `{"user":"a"}`), http.StatusConflict)
	s.presence.answer(contract.VerbConnect, contract.Unavailable("later"))
	if w := s.post("/connect", `{"user":"a"}`); w.Header().Get("Retry-After") == "" {
		t.Errorf("%d without Retry-After", w.Code)
	}
}

func TestARequestTooLargeForTheBusIsA422ThatNamesWhatIsLarge(t *testing.T) {
	t.Parallel()
	s := start(t)
	text := strings.Repeat("x", 1<<20)
	half := strings.Repeat("x", 600<<10)
	var names, configs strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&names, `,"%s %d"`, strings.Repeat("<", 250), i) // six bytes on the bus
		fmt.Fprintf(&configs, `,"c%d":{"long_name":"%s"}`, i, strings.Repeat("<", 1024))
	}
	for _, test := range []struct{ path, body, field string }{
		{"/connect", `{"user":"a","user_state":{"k":"` + text + `"}}`, "user_state"},
		{"/connect", `{"user":"a","fresh_user_state":{"k":"` + half + `"},"user_state":{"k":"` + half + `"}}`, "_schema"},
		{"/user_state", `{"user":"a","user_state":{"k":"` + strings.Repeat("<", 300<<10) + `"}}`, "user_state"},
		{"/connect", `{"user":"a","channels":[` + names.String()[1:] + `]}`, "channels"},
		{"/channel_config", `{` + configs.String()[1:] + `}`, "_schema"},
	} {
		fault := s.fault(s.post(test.path, test.body), http.StatusUnprocessableEntity)
		if sentences := fault.Fields[test.field]; len(sentences) != 1 || !strings.Contains(sentences[0], "1048576") {
			t.Errorf("%s names %v, want %s and the limit", test.path, fault.Fields, test.field)
		}
	}
	if asked := s.presence.count(contract.VerbConnect); asked != 0 {
		t.Errorf("presence was asked %d times", asked)
	}
}

func TestTheLeaseIsRenewedAndCountsMessages(t *testing.T) {
	t.Parallel()
	s := run(t)
	s.want(s.post("/message", `[{"user":"a","channel":"c"},{"user":"a","channel":"c"}]`), http.StatusOK)
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-s.presence.came:
		case <-deadline:
			t.Fatal("no lease that counts the messages")
		}
		if s.presence.count(contract.VerbLease) < 3 {
			continue
		}
		if lease := last[contract.LeaseRecord](t, s.presence, contract.VerbLease); lease.Load.Accepted == 2 {
			if lease.Kind != contract.LeaseAPI || lease.ID == "" || lease.Address == "" || lease.Started.IsZero() {
				t.Errorf("lease %+v", lease)
			}
			break
		}
	}
}

func TestNewRefusesWhatCanNotWork(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, change := range map[string]func(*settings.Settings){
		"no secret":       func(c *settings.Settings) { c.Access.Secrets = nil },
		"a bad namespace": func(c *settings.Settings) { c.NATS.Namespace = "a.b" },
	} {
		config, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_SECRET=x"}, "")
		if err != nil {
			t.Fatal(err)
		}
		change(&config)
		if _, err := api.New(api.Config{Settings: config, Conn: s.conn, Logger: discard(), Registry: prometheus.NewRegistry()}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	config, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_SECRET=x"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var twice prometheus.AlreadyRegisteredError
	if _, err := api.New(api.Config{Settings: config, Conn: s.conn, Logger: discard(), Registry: s.registry}); !errors.As(err, &twice) {
		t.Errorf("the same registry twice: %v", err)
	}
}

package contract

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew; only ever to add to them")

// golden has a value with every field set for each word that crosses NATS.
func golden() map[string]any {
	long, status, active := "The first", 2, "2026-01-02T03:04:05.000000"
	since := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	state := map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "n": json.RawMessage("1.50")}
	settings := ChannelSettings{
		NotifyPresence: true, StoreHistory: true, HistorySize: 3,
		BroadcastPresenceWithUserLists: true, NotifyState: true, StoreFrames: true,
	}
	configs := map[string]ChannelConfig{"one": {ChannelSettings: settings, LongName: &long}}
	options := InfoOptions{
		ExcludeChannels: []string{"two"}, OmitHistory: true, OmitUsers: true, IncludeConnections: true, PublicState: true,
	}
	page := Page{Seen: Seen{Revision: 7, Settings: 8}, After: "a", Limit: 9, Search: "on"}
	info := ChannelsInfo{
		Channels: map[string]ChannelInfo{"one": {
			UUID: "19353cdf-4861-5674-88e2-8f47766668d1", Name: "one", LongName: &long, Settings: settings,
			History: []json.RawMessage{json.RawMessage(`{"message":"hi"}`)}, LastActive: &active,
			TotalConnections: 2, TotalUsers: 1, Users: []string{"alice"},
		}},
		Users: []UserInfo{{User: "alice", Status: 2, State: state, Connections: []string{"c1"}}},
	}
	member := Membership{Revision: 7, Channels: []string{"one", "two"}}
	attach := AttachRequest{
		ConnID: "c1", User: "alice", NewConnID: "c2", Gateway: "g1", Session: "s1", Transport: "websocket", Resume: true, Moved: "s0", Waited: 250,
	}
	attached := AttachAnswer{ConnID: "c1", User: "alice", Membership: member, Offset: 9, Exact: true, Left: true}
	standing := Standing{
		State: Attached, In: true, Gateway: "g1", Session: "s1", Transport: "ws", Since: since, Offset: 9, Exact: true, Left: true,
	}
	join := JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"one"}}
	one := info.Channels["one"]
	return map[string]any{
		"connection_record": ConnectionRecord{
			ConnID: "c1", User: "alice", Channels: []string{"one"}, State: Attached,
			Gateway: "g1", Session: "s1", Transport: "websocket", Since: since, Opened: since, Offset: 9, Exact: true, Left: true, By: CauseOpened,
		},
		"user_record": UserRecord{
			User: "alice", Status: 2, State: state, PublicKeys: []string{"color"}, Allowed: []string{"one"}, LastActive: since,
		},
		"channel_record": ChannelRecord{Name: "one", LongName: &long, Settings: settings, Created: since, History: true},
		"lease_record": LeaseRecord{
			ID: "g1", Kind: LeaseGateway, Address: "127.0.0.1:8000", Started: since,
			Load: Load{Sessions: 1, Delivered: 2, Accepted: 3}, Version: "1.2.3", Renewed: since, Contract: 1, Announced: 7,
		},
		"connect_request": ConnectRequest{
			ConnID: "c1", User: "alice", Channels: []string{"one"}, ChannelConfigs: configs, Status: &status,
			FreshState: state, State: state, PublicKeys: []string{"color"}, Info: options,
		},
		"connect_answer": ConnectAnswer{
			Seen: Seen{Revision: 7, Settings: 8}, History: true,
			ConnID: "c1", User: "alice", Status: 2, State: state, PublicState: state,
			Channels: []string{"one"}, ChannelsInfo: info, Force: InForce(false),
		},
		"subscribe_request": SubscribeRequest{
			ConnID: "c1", User: "alice", Channels: []string{"one"}, ChannelConfigs: configs, Info: options,
		},
		"subscribe_answer": SubscribeAnswer{
			Seen: Seen{Revision: 7, Settings: 8}, Channels: []string{"one"}, ChannelsInfo: &info, SubscribedTo: []string{"one"},
			Force: InForce(false),
		},
		"unsubscribe_request": UnsubscribeRequest{ConnID: "c1", User: "alice", Channels: []string{"one"}, Info: options},
		"unsubscribe_answer": UnsubscribeAnswer{
			Seen: Seen{Revision: 7, Settings: 8}, Channels: []string{"one"}, ChannelsInfo: info, UnsubscribedFrom: []string{"two"},
			Force: InForce(false),
		},
		"disconnect_request": DisconnectRequest{ConnID: "c1"},
		"disconnect_answer":  DisconnectAnswer{Seen: Seen{Revision: 7, Settings: 8}, Known: true},
		"info_request":       InfoRequest{Seen: Seen{Revision: 7, Settings: 8}, Channels: []string{"one"}, Options: options},
		"info_answer": InfoAnswer{
			ChannelsInfo: info, UniqueUsers: 1, RememberedUsers: 2, TotalConnections: 3, TotalMessages: 4,
			TotalUniqueMessages: 5, Uptime: 6.5,
		},
		"configure_request":   ConfigureRequest{Channels: configs, Trimmed: map[string]int{"one": 2}},
		"configure_answer":    ConfigureAnswer{Seen: Seen{Revision: 7, Settings: 8}, ChannelsInfo: info, Trim: map[string]int{"two": 3}},
		"user_status_request": UserStatusRequest{Seen: Seen{Revision: 7, Settings: 8}, User: "alice", Status: 2},
		"user_status_answer":  UserStatusAnswer{User: "alice", Status: 2, State: state},
		"user_state_request": UserStateRequest{
			Seen: Seen{Revision: 7, Settings: 8}, User: "alice", State: state, PublicKeys: []string{"color"},
		},
		"user_state_answer": UserStateAnswer{
			State: state, Changed: []StateChange{{Key: "color", Value: state["color"]}}, PublicKeys: []string{"color"},
		},
		"announced_request": AnnouncedRequest{Seen: Seen{Revision: 7, Settings: 8}},
		"announced_answer":  AnnouncedAnswer{Announced: true},
		"attach_list":       AttachList{Clients: []AttachRequest{attach}},
		"attach_answers": AttachAnswers{Clients: []AttachOutcome{
			{AttachAnswer: attached}, {Fault: Invalid("conn_id", UnknownConnection)},
		}},
		"join_request":    join,
		"leave_request":   LeaveRequest(join),
		"channels_answer": ChannelsAnswer{Membership: member, Named: []string{"one"}},
		"detach_request":  DetachRequest{Gateway: "g1", Sessions: map[string]string{"c1": "s1"}, Offsets: map[string]uint64{"c1": 9}, Left: []string{"c1"}},
		"detach_answer":   DetachAnswer{Detached: 1},
		"compare_request": CompareRequest{
			Gateway: "g1", List: true, Parts: 5, Reattach: true, Sessions: map[string]HeldSession{"c1": {Session: "s1", Revision: 7, Transport: "ws"}},
		},
		"compare_answer": CompareAnswer{
			Memberships: map[string]Membership{"c1": {Revision: 8, Channels: []string{"a"}}}, Close: map[string]Reason{"c2": ReasonReplaced},
			Lost: []string{"c3"}, Held: map[string]string{"c1": "s1"},
		},
		"lease_request": LeaseRequest{Held: &Digest{1, 1<<64 - 1}, LeaseRecord: LeaseRecord{
			ID: "g1", Kind: LeaseGateway, Address: "127.0.0.1:8000", Started: since,
			Load: Load{Sessions: 1, Delivered: 2, Accepted: 3}, Version: "1.2.3", Renewed: since, Contract: 1, Announced: 7,
		}},
		"lease_answer":     LeaseAnswer{TTL: 6, Differs: 1<<31 | 1, Contract: 1},
		"membership_order": MembershipOrder{ConnID: "c1", Session: "s1", Membership: member},
		"close_order":      CloseOrder{ConnID: "c1", Session: "s1", Reason: ReasonReplaced},
		"gateway_answer":   GatewayAnswer{Held: true, Offset: 9},
		"relay_request": RelayRequest{
			Method: "GET", URI: "/socket.io/?EIO=4&transport=polling&sid=A.B", Host: "push.example.com", Caller: "192.0.2.1",
			Header: map[string][]string{"Content-Type": {"text/plain"}},
		},
		"relay_answer": RelayAnswer{Status: 200, Header: map[string][]string{"Content-Type": {"text/plain"}}},
		"move_order":   MoveOrder{SID: "A.B", Step: StepTry, Revision: 3},
		"move_answer": MoveAnswer{Known: true, Busy: true, Session: &MovedSession{
			Session: "s1", ConnID: "c1", User: "alice", Query: "conn_id=c1", Namespaces: []string{"/stream"}, Named: true, Implicit: true, From: 7,
			Channels: []string{"one"}, Offset: 9, Packets: [][]byte{[]byte("2")}, Reason: ReasonReplaced,
		}},
		"chronicle_request": ChronicleRequest{Seen: Seen{Revision: 7, Settings: 8}, ConnID: "c1", User: "alice", Channel: "one"},
		"chronicle_answer": ChronicleAnswer{From: since, Connections: []ConnectionLife{{
			ConnID: "c1", User: "alice", Before: &standing,
			Changes: []StandingChange{{At: since, Revision: 7, By: CauseEnded, After: &standing}},
		}}},
		"sessions_request": SessionsRequest{Sessions: []string{"s1"}},
		"sessions_answer": SessionsAnswer{Sessions: map[string]SessionAccount{"s1": {
			ConnID: "c1", Transport: "ws", Coming: true, Since: 7, Resumed: true, CatchingUp: true, Handed: 10, Acknowledged: 9, Backlog: 100,
			Missed: []MissedSpan{{Since: 7, Offset: 8, At: since}}, Ended: &EndedSpan{Reason: ReasonSlowConsumer, At: since},
		}}},
		"overview_request": OverviewRequest{Seen: Seen{Revision: 7, Settings: 8}},
		"overview_answer": OverviewAnswer{
			UniqueUsers: 1, RememberedUsers: 2, TotalConnections: 3, Dormant: 4, TotalChannels: 5, TotalMessages: 6,
			TotalUniqueMessages: 7, Uptime: 8.5, Instances: []Instance{{
				Service: LeasePresence, ID: "p1", Version: "1.2.3", Address: "127.0.0.1:8000", Sessions: 1, Delivered: 2, Accepted: 3,
				Leads: true, Contract: 3, Started: active, Renewed: active,
			}},
		},
		"list_channels_request": ListChannelsRequest{Page: page, Name: "one", Whole: true},
		"list_channels_answer": ListChannelsAnswer{Next: "one", Channels: []ListedChannel{{
			Name: "one", LongName: &long, Users: 1, Connections: 2, Settings: settings, Info: &one,
		}}},
		"list_users_request": ListUsersRequest{Page: page, Name: "alice", Present: true, Whole: true},
		"list_users_answer": ListUsersAnswer{Next: "alice", Users: []ListedUser{{
			User: "alice", Status: 2, State: state, PublicKeys: []string{"color"}, Connections: 1, LastActive: active, ConnIDs: []string{"c1"},
		}}},
		"list_connections_request": ListConnectionsRequest{Page: page, User: "alice", Channel: "one"},
		"list_connections_answer": ListConnectionsAnswer{Next: "c1", Connections: []ListedConnection{{
			ConnID: "c1", User: "alice", Channels: []string{"one"}, State: Attached, Gateway: "g1", Transport: "websocket", Since: active,
		}}},
		"fault": Fault{
			Code: CodeInvalid, Message: InvalidMessage, Fields: map[string][]string{"conn_id": {UnknownConnection}}, UUIDs: []string{"u1"},
		},
	}
}

// TestGolden pins what crosses NATS: a process of this version writes what is in the files, and reads it back whole.
func TestGolden(t *testing.T) {
	t.Parallel()
	all := golden()
	for name, value := range all {
		path := filepath.Join("testdata", name+".json")
		written, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, '\n')
		if *update {
			if err := os.WriteFile(path, written, 0o644); err != nil { //nolint:gosec // a source file
				t.Fatal(err)
			}
		}
		kept, err := os.ReadFile(path) //nolint:gosec // a source file
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(written, kept) {
			t.Errorf("%s is written as\n%swant\n%s", name, written, kept)
		}
		back := reflect.New(reflect.TypeOf(value))
		if err := json.Unmarshal(kept, back.Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, _ := json.MarshalIndent(back.Interface(), "", "  "); !bytes.Equal(append(again, '\n'), kept) {
			t.Errorf("%s is read back as %s", name, again)
		}
		if empty := unset(reflect.ValueOf(value)); empty != "" {
			t.Errorf("%s: the field %s has no value in the golden file", name, empty)
		}
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, ok := bytes.CutSuffix([]byte(file.Name()), []byte(".json")); ok && all[string(name)] == nil {
			t.Errorf("nothing is written as %s any more", file.Name())
		}
	}
}

// unset names a field of a struct that has its zero value.
func unset(v reflect.Value) string {
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		return ""
	}
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			return v.Type().Field(i).Name
		}
		if inner := unset(v.Field(i)); inner != "" {
			return inner
		}
	}
	return ""
}

// A request of tomorrow has fields that are not known yet.
func TestUnknownFieldsArePassedOver(t *testing.T) {
	t.Parallel()
	var q JoinRequest
	if err := json.Unmarshal([]byte(`{"conn_id":"c1","tomorrow":{"x":1}}`), &q); err != nil || q.ConnID != "c1" {
		t.Fatalf("%+v, %v", q, err)
	}
}

func TestAnEmptyListOfPublicKeysCrosses(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{nil, {}, {"a"}} {
		text, err := json.Marshal(ConnectRequest{PublicKeys: keys})
		if err != nil {
			t.Fatal(err)
		}
		var back ConnectRequest
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back.PublicKeys, keys) {
			t.Errorf("%#v became %#v", keys, back.PublicKeys)
		}
	}
}

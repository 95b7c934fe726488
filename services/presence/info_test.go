package presence

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestInfoShowsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	long := "The first"
	status := 4
	must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c1", User: "bob", Channels: []string{"one", "two"}, Status: &status,
		FreshState:     map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "n": json.RawMessage("1")},
		PublicKeys:     []string{"color", "absent"},
		ChannelConfigs: map[string]contract.ChannelConfig{"one": {ChannelSettings: contract.ChannelSettings{HistorySize: 3}, LongName: &long}},
	})
	h.connect("c2", "alice", "one")
	h.connect("c3", "alice", "one")

	all := h.info()
	one := all.Channels["one"]
	if one.TotalConnections != 3 || one.TotalUsers != 2 || !slices.Equal(one.Users, []string{"alice", "bob"}) ||
		*one.LongName != long || one.Settings.HistorySize != 3 || one.LastActive == nil {
		t.Fatalf("one: %+v", one)
	}
	if all.Channels["two"].Settings != contract.DefaultChannelSettings() || all.Channels["two"].LongName != nil {
		t.Fatalf("two: %+v", all.Channels["two"])
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(one.UUID) {
		t.Fatalf("uuid %s", one.UUID)
	}
	wantUsers := []contract.UserInfo{
		{User: "alice", Status: 1, State: map[string]json.RawMessage{}, Connections: []string{"c2", "c3"}},
		{User: "bob", Status: 4, State: map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "n": json.RawMessage("1")}, Connections: []string{"c1"}},
	}
	if !reflect.DeepEqual(all.Users, wantUsers) || all.UniqueUsers != 2 || all.RememberedUsers != 2 || all.TotalConnections != 3 {
		t.Fatalf("info %+v", all)
	}
	some := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{
		Channels: []string{"one", "two", "nowhere"},
		Options:  contract.InfoOptions{ExcludeChannels: []string{"one"}, PublicState: true},
	})
	wantUsers = []contract.UserInfo{{User: "bob", Status: 4, State: map[string]json.RawMessage{"color": json.RawMessage(`"red"`)}}}
	if len(some.Channels) != 2 || !reflect.DeepEqual(some.Users, wantUsers) {
		t.Fatalf("some %+v", some)
	}
	bare := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Options: contract.InfoOptions{OmitUsers: true}})
	if len(bare.Users) != 0 || len(bare.Channels["one"].Users) != 0 || bare.Channels["one"].TotalUsers != 0 {
		t.Fatalf("bare %+v", bare)
	}
}

func TestInfoOfANamedChannelAlwaysAnswersForIt(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	one := h.connect("c1", "alice", "one").ChannelsInfo.Channels["one"]
	must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c1"})
	named := h.info("one", "nobody was here")
	if len(named.Channels) != 2 || len(named.Users) != 0 || named.Users == nil {
		t.Fatalf("named: %+v", named)
	}
	for name, got := range named.Channels {
		want := contract.ChannelInfo{
			UUID: got.UUID, Name: name, Settings: contract.DefaultChannelSettings(), History: []json.RawMessage{}, Users: []string{},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if got := named.Channels["one"].UUID; got != one.UUID {
		t.Errorf("the uuid was %s when somebody was there, and is %s", one.UUID, got)
	}
	if all := h.info(); len(all.Channels) != 0 {
		t.Errorf("all channels: %+v", all.Channels)
	}
}

func TestInfoKeepsAConfiguredChannelWithoutMembers(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	config := contract.ChannelConfig{ChannelSettings: contract.DefaultChannelSettings()}
	config.NotifyPresence = true
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{
		User: "alice", Channels: []string{"one"}, ChannelConfigs: map[string]contract.ChannelConfig{"one": config},
	})
	config.NotifyPresence, config.HistorySize = false, 99 // no effect: the channel has a record
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{
		User: "alice", ChannelConfigs: map[string]contract.ChannelConfig{"one": config},
	})
	one, ok := h.info().Channels["one"]
	if !ok || !one.Settings.NotifyPresence || one.Settings.HistorySize != 10 || one.LastActive != nil {
		t.Fatalf("one: %+v", one)
	}
}

func TestInfoTotalsComeFromLeases(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	started := time.Now().Add(-time.Hour)
	for id, lease := range map[string]contract.LeaseRecord{
		"g1": {Kind: contract.LeaseGateway, Load: contract.Load{Delivered: 30}},
		"g2": {Kind: contract.LeaseGateway, Load: contract.Load{Delivered: 12}},
		"a1": {Kind: contract.LeaseAPI, Load: contract.Load{Accepted: 7}},
	} {
		lease.ID, lease.Started = id, started
		if a := must[contract.LeaseAnswer](h, contract.VerbLease, lease); a.TTL != 2 {
			t.Fatalf("ttl %v, want 2", a.TTL)
		}
	}
	eventually(t, "the leases are seen", func() bool {
		info := h.info()
		return info.TotalMessages == 42 && info.TotalUniqueMessages == 7 && info.Uptime >= 3600
	})
	eventually(t, "silent processes are not counted", func() bool { return h.info().TotalMessages == 0 })
	refused[contract.LeaseAnswer](h, contract.VerbLease, contract.LeaseRecord{ID: "x", Kind: "else"}, contract.CodeInvalid, "kind")
	if r.Ready(t.Context()) != nil {
		t.Fatal("not ready")
	}
}

func TestInfoShowsTheCallersOwnWritesOnEveryReplica(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	h.start(patient())
	for i := range 100 {
		a := h.connect(fmt.Sprintf("c%d", i), "alice", "one")
		info := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Seen: a.Seen, Channels: []string{"one"}})
		if got := info.Channels["one"].TotalConnections; got != i+1 {
			t.Fatalf("%d connections seen after %d connects", got, i+1)
		}
	}
}

func TestStateIsMergedAndPublicKeysReplaced(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	raw := func(pairs ...string) map[string]json.RawMessage {
		m := map[string]json.RawMessage{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = json.RawMessage(pairs[i+1])
		}
		return m
	}
	connect := func(q contract.ConnectRequest) contract.ConnectAnswer {
		q.ConnID, q.User = "c1", "alice"
		return must[contract.ConnectAnswer](h, contract.VerbConnect, q)
	}
	first := connect(contract.ConnectRequest{FreshState: raw("a", "1", "gone", "null"), State: raw("b", `"<x>"`), PublicKeys: []string{"b"}})
	if !reflect.DeepEqual(first.State, raw("a", "1", "b", `"\u003cx\u003e"`)) || len(first.PublicState) != 1 || first.Status != 1 {
		t.Fatalf("first %+v", first)
	}
	second := connect(contract.ConnectRequest{FreshState: raw("z", "1"), State: raw("a", "2", "c", "null")})
	if !reflect.DeepEqual(second.State, raw("a", "2", "b", `"\u003cx\u003e"`)) || len(second.PublicState) != 1 {
		t.Fatalf("second %+v", second)
	}
	third := connect(contract.ConnectRequest{PublicKeys: []string{}})
	if len(third.PublicState) != 0 {
		t.Fatalf("third %+v", third)
	}
}

func TestUserStatus(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	refused[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "alice", Status: 2}, contract.CodeInvalid, "user")
	h.connect("c1", "alice", "one")
	a := must[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "alice", Status: 2})
	if a.Status != 2 || a.State == nil || h.info().Users[0].Status != 2 {
		t.Fatalf("answer %+v", a)
	}
}

func TestHardNamesStayApart(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	names := []string{
		".", "..", "a.b", "a b", "*", ">", "a.*", "a.>", "=", "==", "=2E", "\U0001f980", "ü", "\x00", "a\nb",
		strings.Repeat("x", 512), strings.Repeat("\U0001f980", 128), strings.Repeat(".", 600), strings.Repeat(".", 601),
	}
	for _, name := range names {
		h.connect(name, name, name)
		attached := h.attach(name, name, name)
		if attached.User != name || !slices.Equal(attached.Channels, []string{name}) {
			t.Fatalf("%q: %+v", name, attached)
		}
		joined := must[contract.ChannelsAnswer](h, contract.VerbJoin, contract.JoinRequest{ConnID: name, Gateway: name, Session: name, Channels: names})
		if !slices.Equal(joined.Named, []string{name}) {
			t.Fatalf("%q joined %q", name, joined.Named)
		}
	}
	info := h.info()
	if len(info.Channels) != len(names) || len(info.Users) != len(names) {
		t.Fatalf("%d channels and %d users, want %d of each", len(info.Channels), len(info.Users), len(names))
	}
	for name, channel := range info.Channels {
		if !slices.Equal(channel.Users, []string{name}) {
			t.Fatalf("%q has %q", name, channel.Users)
		}
	}
}

func TestEmptyNamesAreRefused(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	refused[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{ConnID: "c1"}, contract.CodeInvalid, "user")
	refused[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{User: "alice"}, contract.CodeInvalid, "conn_id")
	refused[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{}, contract.CodeInvalid, "user")
	refused[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, contract.UnsubscribeRequest{}, contract.CodeInvalid, "user")
	refused[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{}, contract.CodeInvalid, "conn_id")
	h.attachRefused(contract.AttachRequest{ConnID: "c1"}, contract.CodeInvalid, "gateway")
	refused[contract.ChannelsAnswer](h, contract.VerbJoin, contract.JoinRequest{}, contract.CodeInvalid, "conn_id")
	refused[contract.ChannelsAnswer](h, contract.VerbLeave, contract.LeaveRequest{}, contract.CodeInvalid, "conn_id")
	refused[contract.LeaseAnswer](h, contract.VerbLease, contract.LeaseRecord{}, contract.CodeInvalid, "id")
	refused[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{}, contract.CodeInvalid, "user")
	refused[contract.InfoAnswer](h, contract.VerbInfo, []int{1}, contract.CodeMalformed, "")
	many := contract.DetachRequest{Gateway: "g1", Sessions: map[string]string{}}
	for i := range maxDetach + 1 {
		many.Sessions[fmt.Sprint(i)] = "s"
	}
	refused[contract.DetachAnswer](h, contract.VerbDetach, many, contract.CodeInvalid, "sessions")
}

package presence

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// overTheLimit asks for what is too much, and wants a fault that names the field and the limit.
func overTheLimit[A any](h *system, verb string, request any, field, limit string) {
	h.t.Helper()
	_, err := ask[A](h, verb, request)
	isFault(h.t, err, contract.CodeInvalid, field)
	if fault := new(contract.Fault); !errors.As(err, &fault) || !strings.Contains(fault.Fields[field][0], limit) {
		h.t.Fatalf("got %v, want the limit of %s", err, limit)
	}
}

// text is a value of so many bytes of JSON.
func text(bytes int) json.RawMessage {
	return json.RawMessage(`"` + strings.Repeat("x", bytes-2) + `"`)
}

func TestAStateDoesNotGrowPastItsLimit(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.MaxState = 1000
	r := h.start(c)
	h.connect("c1", "alice")
	grow := func(key string, bytes int) contract.UserStateRequest {
		return contract.UserStateRequest{User: "alice", State: map[string]json.RawMessage{key: text(bytes)}}
	}
	for _, key := range []string{"a", "b"} {
		must[contract.UserStateAnswer](h, contract.VerbUserState, grow(key, 400))
	}
	before := r.ledger.Users.Cached("alice")
	overTheLimit[contract.UserStateAnswer](h, contract.VerbUserState, grow("c", 400), "user_state", "1000 bytes")
	overTheLimit[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c2", User: "alice", State: map[string]json.RawMessage{"c": text(400)}, Channels: []string{"one"},
	}, "user_state", "1000 bytes")
	overTheLimit[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c2", User: "bob", FreshState: map[string]json.RawMessage{"c": text(1000)}, Channels: []string{"one"},
	}, "fresh_user_state", "1000 bytes")
	overTheLimit[contract.UserStateAnswer](h, contract.VerbUserState,
		contract.UserStateRequest{User: "alice", PublicKeys: []string{strings.Repeat("k", 250)}}, "state_public_keys", "1000 bytes")
	if r.ledger.Users.Cached("alice") != before {
		t.Error("a refused change wrote the user")
	}
	if info := h.info("one"); info.Channels["one"].TotalConnections != 0 || info.TotalConnections != 1 || info.RememberedUsers != 1 {
		t.Errorf("a refused connect left something: %+v", info)
	}
	must[contract.UserStateAnswer](h, contract.VerbUserState, grow("a", 10)) // and back below it
	must[contract.UserStateAnswer](h, contract.VerbUserState, grow("c", 400))
}

// However large the limit is set, what fits into a state fits into the record and into every event.
func TestTheLargestPublicStateIsToldWhole(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.MaxState, c.RequestTimeout = 1<<30, patience
	h.led(c)
	h.set("one", func(s *contract.ChannelSettings) { s.NotifyState, s.NotifyPresence = true, true })
	e := h.listen()
	h.connect("c1", "alice", "one")
	e.want("alice joined one")

	const half = (1<<20 - besides) / 2
	state, keys := map[string]json.RawMessage{}, []string{}
	for i := range 1000 {
		keys = append(keys, fmt.Sprintf("key %03d", i))
		state[keys[i]] = text(470)
	}
	fill := func(total int) {
		state["key 000"] = text(total - size(state) - size(keys) + len(state["key 000"]))
	}
	request := contract.UserStateRequest{User: "alice", State: state, PublicKeys: keys}
	fill(half + 1)
	overTheLimit[contract.UserStateAnswer](h, contract.VerbUserState, request, "user_state", fmt.Sprint(half))
	fill(half)
	must[contract.UserStateAnswer](h, contract.VerbUserState, request)
	if m := e.want("alice one")[0]; len(m.Message) < 2*size(state) {
		t.Errorf("told %d bytes of a state of %d", len(m.Message), size(state))
	}
	h.connect("c2", "bob", "one")
	must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c1"})
	must[contract.ConnectAnswer](h, contract.VerbConnect,
		contract.ConnectRequest{ConnID: "c3", User: "alice", Channels: []string{"one"}, Info: contract.InfoOptions{OmitUsers: true}})
	heard := e.want("bob joined one", "alice parted one", "alice joined one")
	if m := heard[2]; len(m.State) != size(state) {
		t.Errorf("told %d bytes of a state of %d", len(m.State), size(state))
	}

	// beside it, the record has room for what the user may join
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("%s %03d", strings.Repeat("n", 900), i))
	}
	h.allow("alice", names...)
	overTheLimit[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{User: "alice", Channels: []string{strings.Repeat("m", 100<<10)}}, "channels", fmt.Sprint(half))
}

func TestAUserIsAllowedSoManyChannels(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.MaxUserChannels = 3
	h.start(c)
	h.connect("c1", "alice", "one", "two")
	h.allow("alice", "three")
	for verb, request := range map[string]any{
		contract.VerbConnect:   contract.ConnectRequest{ConnID: "c2", User: "alice", Channels: []string{"one", "four"}},
		contract.VerbSubscribe: contract.SubscribeRequest{ConnID: "c1", Channels: []string{"four"}},
	} {
		overTheLimit[any](h, verb, request, "channels", "3 channels")
	}
	loud := config(func(c *contract.ChannelConfig) { c.NotifyPresence = true })
	overTheLimit[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{
		User: "alice", Channels: []string{"four"}, ChannelConfigs: map[string]contract.ChannelConfig{"four": loud},
	}, "channels", "3 channels")
	info := h.info("four")
	if four := info.Channels["four"]; four.TotalConnections != 0 || four.Settings.NotifyPresence || info.TotalConnections != 1 {
		t.Errorf("a refused request left something: %+v", info)
	}
	h.unsubscribe(contract.UnsubscribeRequest{User: "alice", Channels: []string{"three"}})
	if got := h.connect("c1", "alice", "four").Channels; !slices.Equal(got, []string{"four", "one", "two"}) {
		t.Errorf("channels %v", got)
	}
}

// A thousand of the longest names are more than a message holds.
func TestAConnectionThatNoMessageHoldsIsRefused(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.RequestTimeout = patience
	h.start(c)
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("%s%04d", strings.Repeat("\U0001f980", 252), i))
	}
	limit := fmt.Sprint(1<<20 - besides)
	overTheLimit[contract.ConnectAnswer](h, contract.VerbConnect,
		contract.ConnectRequest{ConnID: "c1", User: "alice", Channels: names}, "channels", limit)
	if info := h.info(); info.TotalConnections != 0 || info.RememberedUsers != 0 {
		t.Errorf("a refused connect left something: %+v", info)
	}
}

package presence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func large(bytes int) map[string]json.RawMessage {
	return map[string]json.RawMessage{"bio": json.RawMessage(`"` + strings.Repeat("x", bytes) + `"`)}
}

func TestSubscribeToACrowdedChannelSaysWhatItDid(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	const crowd = 40 // and all that is said of them does not fit into one message
	for i := range crowd {
		must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
			ConnID: fmt.Sprint("of the crowd ", i), User: fmt.Sprint(i), Channels: []string{"full"}, State: large(32 << 10),
			Info: contract.InfoOptions{OmitUsers: true},
		})
	}
	h.connect("c1", "alice", "one")
	in := must[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{ConnID: "c1", Channels: []string{"full"}})
	if !slices.Equal(in.SubscribedTo, []string{"full"}) || len(in.ChannelsInfo.Users) != crowd+1 {
		t.Errorf("subscribed to %q, with %d users", in.SubscribedTo, len(in.ChannelsInfo.Users))
	}
	out := must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe,
		contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"one"}})
	if !slices.Equal(out.UnsubscribedFrom, []string{"one"}) || len(out.ChannelsInfo.Users) != crowd+1 {
		t.Errorf("unsubscribed from %q, with %d users", out.UnsubscribedFrom, len(out.ChannelsInfo.Users))
	}
}

func TestALargeStateIsAnsweredWithWhatChanged(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.connect("c1", "alice", "one")
	state := large(300_000)
	a := must[contract.UserStateAnswer](h, contract.VerbUserState, contract.UserStateRequest{User: "alice", State: state})
	if len(a.Changed) != 1 || string(a.Changed[0].Value) != string(state["bio"]) || string(a.State["bio"]) != string(state["bio"]) {
		t.Errorf("%d keys changed, of %d", len(a.Changed), len(a.State))
	}
}

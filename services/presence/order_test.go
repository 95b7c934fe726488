package presence

import (
	"reflect"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestSubscribeReachesTheGatewayBeforeItAnswers(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	g := h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	a := must[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{ConnID: "c1", Channels: []string{"two", "one"}})
	if !slices.Equal(a.SubscribedTo, []string{"two"}) || !slices.Equal(a.Channels, []string{"one", "two"}) {
		t.Fatalf("answer %+v", a)
	}
	want := contract.MembershipOrder{
		ConnID: "c1", Session: "s1",
		Membership: contract.Membership{Revision: a.Revision, Channels: []string{"one", "two"}},
	}
	if got := g.lastMembership(t); !reflect.DeepEqual(got, want) {
		t.Fatalf("order %+v, want %+v", got, want)
	}
	if a.ChannelsInfo == nil || a.ChannelsInfo.Channels["two"].TotalConnections != 1 {
		t.Fatalf("channels_info %+v", a.ChannelsInfo)
	}
}

func TestConnectOfAnOpenConnectionReachesTheGateway(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	g := h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	h.connect("c1", "alice", "two")
	if got := g.lastMembership(t).Channels; !slices.Equal(got, []string{"one", "two"}) {
		t.Fatalf("the gateway has %v", got)
	}
}

func TestUnsubscribeWithdrawsThePermission(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	g := h.gateway("g1", true)
	h.connect("c1", "alice", "one", "two")
	h.attach("c1", "g1", "s1")
	a := must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe,
		contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"two", "never"}})
	if !slices.Equal(a.UnsubscribedFrom, []string{"two"}) || !slices.Equal(a.Channels, []string{"one"}) {
		t.Fatalf("answer %+v", a)
	}
	if got := g.lastMembership(t).Channels; !slices.Equal(got, []string{"one"}) {
		t.Fatalf("the gateway has %v", got)
	}
	joined := must[contract.ChannelsAnswer](h, contract.VerbJoin,
		contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"two"}})
	if len(joined.Named) != 0 {
		t.Fatalf("joined %v again", joined.Named)
	}
	refused[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe,
		contract.UnsubscribeRequest{ConnID: "c9", Channels: []string{"two"}}, contract.CodeInvalid, "conn_id")
}

func TestSubscribeAnswersThoughTheGatewayIsGone(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.gateway("forgetful", false)
	for conn, gateway := range map[string]string{"c1": "gone", "c2": "forgetful"} {
		h.connect(conn, "alice", "one")
		h.attach(conn, gateway, "s1")
		a := must[contract.SubscribeAnswer](h, contract.VerbSubscribe,
			contract.SubscribeRequest{ConnID: conn, Channels: []string{"two"}})
		if !slices.Equal(a.Channels, []string{"one", "two"}) {
			t.Fatalf("answer %+v", a)
		}
	}
	refused[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{ConnID: "c9", Channels: []string{"two"}}, contract.CodeInvalid, "conn_id")
}

func TestSubscribeOfAUserAllowsBeforeTheFirstConnect(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	a := must[contract.SubscribeAnswer](h, contract.VerbSubscribe,
		contract.SubscribeRequest{User: "alice", Channels: []string{"two", "one"}})
	if !slices.Equal(a.Channels, []string{"one", "two"}) || a.SubscribedTo != nil || a.ChannelsInfo != nil {
		t.Fatalf("answer %+v", a)
	}
	h.mustAttach(contract.AttachRequest{User: "alice", NewConnID: "c1", Gateway: "g1", Session: "s1"})
	joined := must[contract.ChannelsAnswer](h, contract.VerbJoin,
		contract.JoinRequest{ConnID: "c1", Gateway: "g1", Session: "s1", Channels: []string{"one"}})
	if !slices.Equal(joined.Named, []string{"one"}) {
		t.Fatalf("joined %v", joined.Named)
	}
}

func TestDisconnectClosesTheSocketAndLeavesAtOnce(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	g := h.gateway("g1", true)
	h.connect("c1", "alice", "one")
	h.attach("c1", "g1", "s1")
	a := must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c1"})
	want := []contract.CloseOrder{{ConnID: "c1", Session: "s1", Reason: contract.ReasonDisconnected}}
	if got := g.closed(); !a.Known || !reflect.DeepEqual(got, want) {
		t.Fatalf("answer %+v, orders %+v", a, got)
	}
	for range 8 { // whichever replica answers
		info := must[contract.InfoAnswer](h, contract.VerbInfo, contract.InfoRequest{Seen: a.Seen})
		if len(info.Channels) != 0 || info.TotalConnections != 0 {
			t.Fatalf("info %+v", info)
		}
	}
	if again := must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c1"}); again.Known {
		t.Fatal("the connection is still known")
	}
	h.connect("c1", "bob") // the id is free again
}

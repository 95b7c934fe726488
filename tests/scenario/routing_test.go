package scenario

import (
	"fmt"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestMessagePostedToEitherAPIReachesBothGatewaysOnceAndInOrder(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		_, alice := enter(t, c.APIs[0], c.Gateways[0], "alice", "news")
		_, bob := enter(t, c.APIs[1], c.Gateways[1], "bob", "news")
		_, eve := enter(t, c.APIs[1], c.Gateways[1], "eve", "weather")
		var want []string
		for i := range 40 {
			text := fmt.Sprintf("one %d", i)
			post(t, c.APIs[i%2], "news", text)
			want = append(want, text)
		}
		for i := range 4 {
			var list []client.Message
			for j := range 50 {
				text := fmt.Sprintf("list %d message %d", i, j)
				list = append(list, client.Message{User: "app", Channel: "news", Message: text})
				want = append(want, text)
			}
			publish(t, c.APIs[i%2], list...)
		}
		whisper(t, c.APIs[0], "end", "alice", "bob", "eve")
		want = append(want, "end")
		hears(t, alice, want...)
		hears(t, bob, want...)
		hears(t, eve, "end")
	})
}

func TestPrivateAndExcludingMessagesReachOnlyWhomTheyShould(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		_, alice := enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
		_, alsoAlice := enter(t, c.APIs[0], c.Gateways[1], "alice", "elsewhere")
		_, bob := enter(t, c.APIs[0], c.Gateways[1], "bob", "room")
		_, eve := enter(t, c.APIs[0], c.Gateways[0], "eve", "elsewhere")
		for i, m := range []client.Message{
			{PMUsers: []string{"alice"}, Message: "to alice"},
			{Channel: "room", PMUsers: []string{"alice", "eve"}, Message: "to alice in room"},
			{Channel: "room", ExcludeUsers: []string{"alice"}, Message: "room but alice"},
			{Channel: "room", PMUsers: []string{"alice", "bob"}, ExcludeUsers: []string{"alice"}, Message: "bob in room"},
			{PMUsers: []string{"alice", "eve"}, ExcludeUsers: []string{"alice"}, Message: "to eve"},
			{Channel: "elsewhere", Message: "elsewhere"},
			{PMUsers: []string{"alice", "bob", "eve"}, Message: "end"},
		} {
			m.User = "app"
			publish(t, c.APIs[i%2], m)
		}
		hears(t, alice, "to alice", "to alice in room", "end")
		hears(t, alsoAlice, "to alice", "elsewhere", "end")
		hears(t, bob, "room but alice", "bob in room", "end")
		hears(t, eve, "to eve", "elsewhere", "end")
	})
}

func TestNamespacesOnOneNATSDoNotHearEachOther(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		nats := harness.StartNATS(t)
		one := harness.Size{APIs: 1, Presences: 1, Gateways: 1}
		red := harness.StartOn(t, nats, form, one, harness.Setting("NAMESPACE", "red"))
		blue := harness.StartOn(t, nats, form, one, harness.Setting("NAMESPACE", "blue"))
		redID, redSocket := enter(t, red.APIs[0], red.Gateways[0], "alice", "news")
		blueID, blueSocket := enter(t, blue.APIs[0], blue.Gateways[0], "alice", "news")
		post(t, red.APIs[0], "news", "red")
		whisper(t, red.APIs[0], "red to alice", "alice")
		post(t, blue.APIs[0], "news", "blue")
		whisper(t, blue.APIs[0], "blue to alice", "alice")
		hears(t, redSocket, "red", "red to alice")
		hears(t, blueSocket, "blue", "blue to alice")
		if word := harness.Refused(t, blue.Gateways[0], redID); word != "disconnected" {
			t.Errorf("a connection of red at a gateway of blue is closed with %q, want disconnected", word)
		}
		if known, err := red.APIs[0].API().Disconnect(t.Context(), blueID); known || err != nil {
			t.Errorf("red disconnects a connection of blue: %v, %v", known, err)
		}
		if got := info(t, blue.APIs[0]).TotalConnections; got != 1 {
			t.Errorf("blue has %d connections, want 1", got)
		}
	})
}

package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestSubscriptionIsInForceWhenItIsAnswered(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[1], "alice")
		var want []string
		for i := range 30 {
			channel := fmt.Sprint("channel ", i)
			subscribe(t, c.APIs[i%2], connID, channel)
			post(t, c.APIs[1-i%2], channel, channel)
			want = append(want, channel)
		}
		hears(t, s, want...)
	})
}

func TestConnectOfAnOpenConnectionAddsChannelsAtOnce(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[1], "alice", "first")
		again, err := c.APIs[1].API().Connect(t.Context(), client.Connect{
			User: "alice", ConnID: connID, Channels: []string{"second", "first"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"first", "second"}; !slices.Equal(again.Channels, want) {
			t.Errorf("got channels %q, want %q", again.Channels, want)
		}
		post(t, c.APIs[0], "second", "second")
		post(t, c.APIs[1], "first", "first")
		hears(t, s, "second", "first")
		_, err = c.APIs[1].API().Connect(t.Context(), client.Connect{User: "eve", ConnID: connID, Channels: []string{"third"}})
		if refused := new(client.Error); !errors.As(err, &refused) || refused.Status != 409 {
			t.Errorf("another user's connect with that id: got %v, want a 409", err)
		}
	})
}

func TestNothingOfAChannelComesAfterUnsubscribeIsAnswered(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[1], "alice", "stays")
		var want []string
		for i := range 20 {
			here, there := c.APIs[i%2], c.APIs[1-i%2]
			heard, fence := fmt.Sprint("heard ", i), fmt.Sprint("fence ", i)
			subscribe(t, here, connID, "goes")
			post(t, there, "goes", heard)
			s.Await(heard)
			unsubscribe(t, here, connID, "goes")
			post(t, there, "goes", fmt.Sprint("not heard ", i))
			post(t, there, "stays", fence)
			s.Await(fence) // what was posted before it is not on its way any more
			want = append(want, heard, fence)
		}
		hears(t, s, want...)
	})
}

func TestNothingOfAChannelComesToAUserWhosePermissionWasTakenBack(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		var sockets []*harness.Socket
		for i := range 4 { // two at each gateway
			_, s := enter(t, c.APIs[i%2], c.Gateways[i/2], "alice", "stays", "goes")
			sockets = append(sockets, s)
		}
		_, bob := enter(t, c.APIs[0], c.Gateways[0], "bob", "goes")
		post(t, c.APIs[1], "goes", "heard")
		got, err := c.APIs[0].API().Unsubscribe(t.Context(), client.Unsubscribe{User: "alice", Channels: []string{"goes", "never"}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Channels, []string{"stays"}) || !slices.Equal(got.UnsubscribedFrom, []string{"goes"}) {
			t.Errorf("answered %+v", got)
		}
		post(t, c.APIs[1], "goes", "not heard")
		post(t, c.APIs[1], "stays", "fence")
		for _, s := range sockets {
			hears(t, s, "heard", "fence")
		}
		hears(t, bob, "heard", "not heard")
	})
}

func TestDisconnectClosesTheSocketWhereverItIsAndLeavesAtOnce(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		for i := range 4 {
			api, gateway := c.APIs[i%2], c.Gateways[i/2]
			user := fmt.Sprint("user ", i)
			connID, s := enter(t, api, gateway, user, "room")
			if known, err := api.API().Disconnect(t.Context(), connID); !known || err != nil {
				t.Errorf("disconnect: got %v, %v", known, err)
			}
			if i := info(t, api); i.Channels["room"].TotalConnections != 0 || i.TotalConnections != 0 {
				t.Errorf("after the disconnect: got %+v", i)
			}
			if reason := s.AwaitClose(); reason != "disconnected" {
				t.Errorf("closed with %q, want disconnected", reason)
			}
			if known, err := api.API().Disconnect(t.Context(), connID); known || err != nil {
				t.Errorf("the second disconnect: got %v, %v", known, err)
			}
			if word := harness.Refused(t, gateway, connID); word != "disconnected" {
				t.Errorf("a socket of a connection that is gone is closed with %q, want disconnected", word)
			}
		}
	})
}

func TestNewerSocketOfAConnectionReplacesTheOlderOnAnotherGateway(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, older := enter(t, c.APIs[0], c.Gateways[0], "alice", "news")
		newer := harness.Open(t, c.Gateways[1], connID)
		if reason := older.AwaitClose(); reason != "replaced" {
			t.Errorf("closed with %q, want replaced", reason)
		}
		post(t, c.APIs[0], "news", "after")
		hears(t, newer, "after")
		if got := info(t, c.APIs[0]).TotalConnections; got != 1 {
			t.Errorf("there are %d connections, want 1", got)
		}
	})
}

func TestInfoOfBothAPIsAgreesAndEachReadsItsOwnWrites(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		for i := range 20 {
			api, user := c.APIs[i%2], fmt.Sprint("user ", i)
			connID := register(t, api, user, "room")
			if got := info(t, api).Channels["room"]; !slices.Contains(got.Users, user) {
				t.Fatalf("%s does not see %s, whom it has just connected: %q", api.Name, user, got.Users)
			}
			subscribe(t, api, connID, "side")
			if got := info(t, api).Channels["side"]; !slices.Contains(got.Users, user) {
				t.Fatalf("%s does not see %s in side: %q", api.Name, user, got.Users)
			}
			if i%4 > 1 {
				unsubscribe(t, api, connID, "room")
				if got := info(t, api).Channels["room"]; slices.Contains(got.Users, user) {
					t.Fatalf("%s still sees %s in room: %q", api.Name, user, got.Users)
				}
			}
		}
		harness.Eventually(t, "both apis tell the same", func() bool {
			one, other := info(t, c.APIs[0]), info(t, c.APIs[1])
			return len(one.Users) == 20 && reflect.DeepEqual(one.ChannelsInfo, other.ChannelsInfo) &&
				one.UniqueUsers == other.UniqueUsers && one.RememberedUsers == other.RememberedUsers &&
				one.TotalConnections == other.TotalConnections
		})
		if got := info(t, c.APIs[0]); got.Channels["room"].TotalUsers != 10 || got.Channels["side"].TotalUsers != 20 {
			t.Errorf("got %d in room and %d in side, want 10 and 20",
				got.Channels["room"].TotalUsers, got.Channels["side"].TotalUsers)
		}
	})
}

func TestUserJoinsOnlyWhatTheAppAllowed(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		s := harness.OpenSocketIO(t, c.Gateways[0], c.APIs[0].API(), "alice")
		if got := s.Join("public", "secret"); len(got) != 0 {
			t.Errorf("joined %q without permission", got)
		}
		if _, err := c.APIs[1].API().Subscribe(t.Context(), client.Subscribe{User: "alice", Channels: []string{"public"}}); err != nil {
			t.Fatal(err)
		}
		if got := s.Join("public", "secret"); !slices.Equal(got, []string{"public"}) {
			t.Errorf("joined %q, want public alone", got)
		}
		post(t, c.APIs[1], "secret", "not for alice")
		post(t, c.APIs[1], "public", "hello")
		var list []harness.Message
		decode(t, s.Await("message"), &list)
		if len(list) != 1 || list[0].Text() != "hello" {
			t.Errorf("got %+v, want the one message that says hello", list)
		}
		if got := s.Leave("public", "secret"); !slices.Equal(got, []string{"public"}) {
			t.Errorf("left %q, want public alone", got)
		}
		harness.Eventually(t, "nobody is in public", func() bool {
			return info(t, c.APIs[0]).Channels["public"].TotalConnections == 0
		})
	})
}

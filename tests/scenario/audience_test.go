package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// thousand is a list of users that no header holds, with some of them in it.
func thousand(some ...string) []string {
	users := make([]string, 0, 1000)
	for n := range 1000 - len(some) {
		users = append(users, fmt.Sprintf("%s%06d", strings.Repeat("x", 60), n))
	}
	return append(users, some...)
}

// Those who are there and those who come back hear what is for them, from another gateway too, however many are named.
func TestAMessageForAThousandUsersReachesThemAndNobodyElse(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		api := c.APIs[0].API()
		viewers := map[string]*harness.Viewer{}
		for _, user := range []string{"alice", "bob"} {
			viewers[user] = harness.NewViewer(t, register(t, c.APIs[0], user, "room", "fleeting"))
			viewers[user].Come(c.Gateways[0])
		}
		if _, err := api.Configure(t.Context(), map[string]client.ChannelConfig{"fleeting": {StoreFrames: new(bool)}}); err != nil {
			t.Fatal(err)
		}
		post := func(m client.Message) string {
			m.User = "app"
			published, err := api.Publish(t.Context(), m, client.Message{User: "app", Channel: m.Channel, Message: fmt.Sprint("behind ", m.Message)})
			if err != nil {
				t.Fatal(err)
			}
			return published[0].UUID
		}
		post(client.Message{Channel: "fleeting", Message: "all but bob", ExcludeUsers: thousand("bob")})
		post(client.Message{Channel: "room", Message: "for alice", PMUsers: thousand("alice")})
		for _, v := range viewers {
			v.Await("room", "behind for alice")
			v.Await("fleeting", "behind all but bob")
			v.Drop()
		}
		edited := post(client.Message{Channel: "room", Message: "for both but alice", PMUsers: thousand("alice", "bob"), ExcludeUsers: []string{"alice"}})
		if _, err := api.EditMessages(t.Context(), client.Edit{
			UUID: edited, Channel: "room", Message: "for bob", PMUsers: thousand("alice", "bob"), ExcludeUsers: thousand("alice"),
		}); err != nil {
			t.Fatal(err)
		}
		post(client.Message{Channel: "room", Message: "the end"})
		for user, want := range map[string][]string{
			"alice": {"for alice", "behind for alice", "behind for both but alice", "the end", "behind the end"},
			"bob":   {"behind for alice", "for bob", "behind for both but alice", "the end", "behind the end"},
		} {
			v := viewers[user]
			v.Come(c.Gateways[1])
			v.Await("room", "behind the end", c.Gateways...)
			if got := v.View("room"); !slices.Equal(got, want) || v.Faults() != "" {
				t.Errorf("%s sees %q, want %q; %s", user, got, want, v.Faults())
			}
			if got, want := v.Sees("fleeting", "all but bob"), user == "alice"; got != want {
				t.Errorf("%s sees what is for all but bob: %t", user, got)
			}
		}
	})
}

package roster

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// put has a connection in the roster.
func (r *Roster) put(revision uint64, id, user string, state contract.ConnectionState, channels ...string) {
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: contract.EncodeToken(id), Revision: revision, Record: &contract.ConnectionRecord{
		ConnID: id, User: user, Channels: channels, State: state, Since: time.Unix(int64(revision), 0), //nolint:gosec // small
	}})
}

func (r *Roster) putUser(revision uint64, record contract.UserRecord) {
	r.ApplyUser(Row[contract.UserRecord]{Key: contract.EncodeToken(record.User), Revision: revision, Record: &record})
}

func (r *Roster) putChannel(revision uint64, record contract.ChannelRecord) {
	r.ApplyChannel(Row[contract.ChannelRecord]{Key: contract.EncodeToken(record.Name), Revision: revision, Record: &record})
}

// pages walks through all pages of a list.
func pages(t *testing.T, ask func(q contract.Page) (names []string, next string), q contract.Page) []string {
	t.Helper()
	var all []string
	for {
		names, next := ask(q)
		if len(names) > q.Limit {
			t.Fatalf("a page of %d", len(names))
		}
		if all = append(all, names...); next == "" {
			return all
		}
		if next != names[len(names)-1] || next <= q.After {
			t.Fatalf("next is %q behind %q", next, q.After)
		}
		q.After = next
	}
}

func TestPagesShowEachNameOnceAndInOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // repeatable on purpose
	r := New()
	var want, empty []string
	for i := range 300 {
		name := fmt.Sprintf("%x é.%d", random.Uint32(), i)
		want = append(want, name)
		if i%2 == 0 {
			r.put(uint64(i+1), "c-"+name, "u-"+name, contract.Attached, name)
		} else {
			empty = append(empty, name)
		}
		if i%3 == 0 || i%2 == 1 { // some are both configured and not empty
			r.putChannel(uint64(i+1), contract.ChannelRecord{Name: name})
		}
	}
	slices.Sort(want)
	channels := func(q contract.Page) (names []string, next string) {
		answer := r.ListChannels(contract.ListChannelsRequest{Page: q})
		for _, c := range answer.Channels {
			if (c.Connections == 0) != slices.Contains(empty, c.Name) || c.Users != c.Connections {
				t.Fatalf("%+v", c)
			}
			names = append(names, c.Name)
		}
		return names, answer.Next
	}
	for _, limit := range []int{1, 7, 299, 300, 1000} {
		if got := pages(t, channels, contract.Page{Limit: limit}); !slices.Equal(got, want) {
			t.Errorf("by %d: %d names, want %d", limit, len(got), len(want))
		}
	}
	found := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return !strings.Contains(name, "a") })
	if got := pages(t, channels, contract.Page{Limit: 5, Search: "A"}); !slices.Equal(got, found) {
		t.Errorf("found %q, want %q", got, found)
	}
	if answer := r.ListChannels(contract.ListChannelsRequest{}); len(answer.Channels) != contract.DefaultPage {
		t.Errorf("a page of %d", len(answer.Channels))
	}
}

func TestConnectionsAreThoseOfAUserInAChannel(t *testing.T) {
	t.Parallel()
	r := New()
	r.put(1, "a", "alice", contract.Attached, "one", "two")
	r.put(2, "b", "alice", contract.Lingering, "two")
	r.put(3, "c", "bob", contract.Pending, "one")
	r.put(4, "d", "alice", contract.Dormant, "one")
	for _, c := range []struct{ user, channel, want string }{
		{"", "", "a b c d"},
		{"alice", "", "a b d"},
		{"", "one", "a c"}, // a dormant connection is in no channel
		{"alice", "one", "a"},
		{"bob", "two", ""},
		{"nobody", "", ""},
		{"", "nothing", ""},
	} {
		var got []string
		for _, found := range r.ListConnections(contract.ListConnectionsRequest{User: c.user, Channel: c.channel}).Connections {
			got = append(got, found.ConnID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q in %q: %q, want %q", c.user, c.channel, got, c.want)
		}
	}
	found := r.ListConnections(contract.ListConnectionsRequest{Page: contract.Page{After: "c"}}).Connections[0]
	if found.State != contract.Dormant || found.User != "alice" || !slices.Equal(found.Channels, []string{"one"}) || found.Since != "1970-01-01T00:00:04.000000" {
		t.Errorf("%+v", found)
	}
}

func TestUsersAreListedWithWhatIsKnownOfThem(t *testing.T) {
	t.Parallel()
	r := New()
	state := map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "own": json.RawMessage(`1`)}
	r.putUser(1, contract.UserRecord{User: "alice", Status: 2, State: state, PublicKeys: []string{"color", "none"}, LastActive: time.Unix(9, 0)})
	r.putUser(2, contract.UserRecord{User: "bob"})
	r.put(3, "c2", "alice", contract.Attached)
	r.put(4, "c1", "alice", contract.Attached)
	users := r.ListUsers(contract.ListUsersRequest{}).Users
	if len(users) != 2 || users[0].User != "alice" || users[0].Connections != 2 || users[0].Status != 2 || users[0].ConnIDs != nil ||
		users[0].LastActive != "1970-01-01T00:00:09.000000" || len(users[0].PublicState()) != 1 || len(users[0].State) != 2 {
		t.Errorf("%+v", users)
	}
	users = r.ListUsers(contract.ListUsersRequest{Present: true, Whole: true}).Users
	if len(users) != 1 || !slices.Equal(users[0].ConnIDs, []string{"c1", "c2"}) {
		t.Errorf("%+v", users)
	}
}

// States of 384 KiB, or a crowd in each channel, would make an answer of any size.
func TestAPageWithLongEntriesEndsSooner(t *testing.T) {
	t.Parallel()
	r := New()
	state := map[string]json.RawMessage{"k": json.RawMessage(`"` + strings.Repeat("x", 300<<10) + `"`)}
	for i := range uint64(5) {
		r.putUser(i+1, contract.UserRecord{User: fmt.Sprint("u", i), State: state})
	}
	names := func(q contract.Page) (names []string, next string) {
		answer := r.ListUsers(contract.ListUsersRequest{Page: q})
		for _, u := range answer.Users {
			names = append(names, u.User)
		}
		if len(names) > 2 {
			t.Errorf("a page of %d states", len(names))
		}
		return names, answer.Next
	}
	if all := pages(t, names, contract.Page{Limit: 100}); !slices.Equal(all, []string{"u0", "u1", "u2", "u3", "u4"}) {
		t.Errorf("%q", all)
	}
	for i := range uint64(contract.MaxPageNames + 5) {
		r.put(i+10, fmt.Sprint("c", i), fmt.Sprintf("user%05d", i), contract.Attached, "crowd")
	}
	crowd := r.ListChannels(contract.ListChannelsRequest{Whole: true}).Channels[0].Info
	if len(crowd.Users) != contract.MaxPageNames || crowd.Users[0] != "user00000" || crowd.TotalUsers != contract.MaxPageNames+5 || crowd.LastActive == nil {
		t.Errorf("%d users named of %d", len(crowd.Users), crowd.TotalUsers)
	}
}

// However a channel comes to be one: configured, entered, or both, in any order.
func TestEachChannelIsCountedOnce(t *testing.T) {
	t.Parallel()
	r, revision := New(), uint64(0)
	next := func() uint64 { revision++; return revision }
	counts := func(want int, when string) {
		t.Helper()
		listed := len(r.ListChannels(contract.ListChannelsRequest{}).Channels)
		if n := r.Overview(time.Now()).TotalChannels; n != want || listed != want {
			t.Errorf("%s: %d are counted and %d listed, want %d", when, n, listed, want)
		}
	}
	record := contract.ChannelRecord{Name: "a room"} // a name that its key writes otherwise
	r.putChannel(next(), record)
	counts(1, "configured")
	r.putChannel(next(), record)
	counts(1, "configured again")
	r.put(next(), "c1", "alice", contract.Attached, "a room", "other")
	counts(2, "entered")
	r.put(next(), "c2", "bob", contract.Attached, "other")
	r.putChannel(next(), contract.ChannelRecord{Name: "other"})
	counts(2, "configured while somebody is in")
	r.put(next(), "c1", "alice", contract.Attached)
	counts(2, "left")
	r.ApplyChannel(Row[contract.ChannelRecord]{Key: contract.EncodeToken("a room"), Revision: next()})
	counts(1, "forgotten")
	r.ApplyChannel(Row[contract.ChannelRecord]{Key: contract.EncodeToken("other"), Revision: next()})
	r.put(next(), "c2", "bob", contract.Attached)
	counts(0, "left by all")
}

// What is searched is found in whatever case and script, in short names and long ones.
func TestASearchFindsAPartOfAName(t *testing.T) {
	t.Parallel()
	r := New()
	long := strings.Repeat("x", 200) + "Needle"
	for i, name := range []string{"NEEDLE-1", "a needle", "ÄNeedle", "thread", long} {
		r.putChannel(uint64(i+1), contract.ChannelRecord{Name: name}) //nolint:gosec // small
	}
	for search, want := range map[string]int{"needle": 4, "nEEDLE": 4, "ä": 1, "xneedle": 1, "thread": 1, "nowhere": 0, "": 5} {
		q := contract.ListChannelsRequest{Page: contract.Page{Search: search}}
		if found := r.ListChannels(q).Channels; len(found) != want {
			t.Errorf("%q finds %d, want %d", search, len(found), want)
		}
	}
}

// A hundred thousand of each, and a page of any list within what nobody notices. The best of some tries counts: other tests run beside
// this one.
func TestAPageOfManyIsQuick(t *testing.T) {
	t.Parallel()
	const bound = 50 * time.Millisecond
	r := New()
	for i := range uint64(many) {
		channel, user := fmt.Sprint("Channel-", i), fmt.Sprint("User-", i)
		r.putChannel(i+1, contract.ChannelRecord{Name: channel})
		r.putUser(i+1, contract.UserRecord{User: user})
		r.put(i+1, fmt.Sprint("connection-", i), user, contract.Attached, channel, "all")
	}
	page := contract.Page{After: "Channel-4", Limit: 100, Search: "9"}
	for name, look := range map[string]func() int{
		"overview":        func() int { return r.Overview(time.Now()).TotalChannels - many + 99 },
		"channels":        func() int { return len(r.ListChannels(contract.ListChannelsRequest{Page: page}).Channels) },
		"channels, whole": func() int { return len(r.ListChannels(contract.ListChannelsRequest{Page: page, Whole: true}).Channels) },
		"users":           func() int { return len(r.ListUsers(contract.ListUsersRequest{Page: page}).Users) },
		"users, present": func() int {
			return len(r.ListUsers(contract.ListUsersRequest{Page: page, Present: true, Whole: true}).Users)
		},
		"connections": func() int { return len(r.ListConnections(contract.ListConnectionsRequest{Page: page}).Connections) },
		"connections in a room": func() int {
			return len(r.ListConnections(contract.ListConnectionsRequest{Page: page, Channel: "all"}).Connections)
		},
	} {
		best := time.Hour
		for tries := 0; best >= bound && tries < 20; tries++ {
			began := time.Now()
			if found := look(); found != 100 {
				t.Fatalf("%s: found %d", name, found)
			}
			best = min(best, time.Since(began))
		}
		if best >= bound {
			t.Errorf("%s took %v at best", name, best)
		}
	}
}

func TestInstancesAreTheLeasesThatLive(t *testing.T) {
	t.Parallel()
	r, now := New(), time.Unix(1000, 0)
	put := func(revision uint64, key string, lease contract.LeaseRecord) {
		r.ApplyLease(Row[contract.LeaseRecord]{Key: key, Revision: revision, Record: &lease})
	}
	put(1, contract.LeaseKey(contract.LeaseGateway, "g 1"), contract.LeaseRecord{
		ID: "g 1", Kind: contract.LeaseGateway, Started: now.Add(-time.Minute), Version: "1.2.3", Renewed: now, Load: contract.Load{Sessions: 3, Delivered: 5},
	})
	put(2, contract.LeaseKey(contract.LeaseAPI, "a1"), contract.LeaseRecord{ID: "a1", Kind: contract.LeaseAPI, Started: now, Load: contract.Load{Accepted: 7}})
	put(3, contract.KeyLeader, contract.LeaseRecord{ID: "p2", Started: now}) // an older replica, which has no other
	put(4, contract.LeaseKey(contract.LeasePresence, "p1"), contract.LeaseRecord{ID: "p1", Kind: contract.LeasePresence, Started: now})
	overview := r.Overview(now)
	if overview.TotalMessages != 5 || overview.TotalUniqueMessages != 7 || overview.Uptime != 60 {
		t.Errorf("%+v", overview)
	}
	say := func(all []contract.Instance) (text string) {
		for _, i := range all {
			text += fmt.Sprintf("%s %s %q %d %t %t; ", i.Service, i.ID, i.Version, i.Sessions, i.Leads, i.Renewed != "")
		}
		return text
	}
	if got, want := say(overview.Instances),
		`api a1 "" 0 false false; gateway g 1 "1.2.3" 3 false true; presence p1 "" 0 false false; presence p2 "" 0 true false; `; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	put(5, contract.KeyLeader, contract.LeaseRecord{ID: "p1", Started: now}) // one with a lease of its own leads
	if got, want := say(r.Overview(now).Instances),
		`api a1 "" 0 false false; gateway g 1 "1.2.3" 3 false true; presence p1 "" 0 true false; `; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

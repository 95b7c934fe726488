package roster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// history is what was written to one key after another; model is what a reader of all of it finds.
type model map[string]*contract.ConnectionRecord

var (
	users    = []string{"alice", "bob", "a.b", "*", "\U0001f980"}
	channels = []string{"one", "two", "a b", ">", "*", "x.y"}
	gateways = []string{"g1", "g2"}
	states   = []contract.ConnectionState{contract.Pending, contract.Attached, contract.Lingering, contract.Dormant}
)

func randomRow(r *rand.Rand, revision uint64) Row[contract.ConnectionRecord] {
	id := fmt.Sprintf("c%d", r.IntN(12))
	row := Row[contract.ConnectionRecord]{Key: id, Revision: revision}
	if r.IntN(4) == 0 {
		return row
	}
	row.Record = &contract.ConnectionRecord{
		ConnID: id, User: users[r.IntN(len(users))], State: states[r.IntN(len(states))],
		Since: time.Unix(int64(revision), 0),
	}
	for _, channel := range channels {
		if r.IntN(3) == 0 {
			row.Record.Channels = append(row.Record.Channels, channel)
		}
	}
	slices.Sort(row.Record.Channels)
	if row.Record.State == contract.Attached {
		row.Record.Gateway, row.Record.Session = gateways[r.IntN(len(gateways))], fmt.Sprint("s", r.IntN(3))
	}
	return row
}

func TestRosterAgreesWithANaiveModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable on purpose
		roster, want := New(), model{}
		var rows []Row[contract.ConnectionRecord]
		for revision := uint64(1); revision <= 80; revision++ {
			row := randomRow(r, revision)
			rows = append(rows, row)
			if want[row.Key] = row.Record; row.Record == nil {
				delete(want, row.Key)
			}
			roster.ApplyConnection(row)
			if again := rows[r.IntN(len(rows))]; r.IntN(3) == 0 { // what is old or known changes nothing
				roster.ApplyConnection(again)
			}
			check(t, roster, want)
		}
		shuffled := New()
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		for _, row := range rows {
			shuffled.ApplyConnection(row)
		}
		check(t, shuffled, want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// check compares every index with what a scan of all records finds.
func check(t *testing.T, r *Roster, want model) {
	t.Helper()
	rooms, here := map[string]map[string]int{}, map[string]int{}
	at, in := map[string][]string{}, map[contract.ConnectionState][]string{}
	of := map[string][]string{}
	middle := time.Unix(40, 0)
	old := map[contract.ConnectionState][]string{}
	for id, c := range want {
		in[c.State], of[c.User] = append(in[c.State], id), append(of[c.User], id)
		if !c.Since.After(middle) {
			old[c.State] = append(old[c.State], id)
		}
		if c.State == contract.Dormant {
			continue
		}
		here[c.User]++
		if c.State == contract.Attached {
			at[c.Gateway] = append(at[c.Gateway], id)
		}
		for _, channel := range c.Channels {
			if rooms[channel] == nil {
				rooms[channel] = map[string]int{}
			}
			rooms[channel][c.User]++
		}
	}
	info := r.Describe(r.ChannelNames(), contract.InfoOptions{})
	if len(info.Channels) != len(rooms) {
		t.Errorf("%d channels, want %d", len(info.Channels), len(rooms))
	}
	for name, members := range rooms {
		got, total := info.Channels[name], 0
		for _, n := range members {
			total += n
		}
		if got.TotalConnections != total || !slices.Equal(got.Users, slices.Sorted(maps.Keys(members))) {
			t.Errorf("%s: %+v, want %v", name, got, members)
		}
	}
	asleep := len(in[contract.Dormant])
	if counts := r.Counts(); counts.Connections != len(want)-asleep || counts.Dormant != asleep ||
		counts.Present != len(here) || counts.Channels != len(rooms) {
		t.Errorf("%+v, want %d connections of %d users and %d dormant", counts, len(want)-asleep, len(here), asleep)
	}
	for _, user := range users {
		got := r.ConnectionsOf(user)
		slices.Sort(got)
		slices.Sort(of[user])
		if !slices.Equal(got, of[user]) {
			t.Errorf("connections of %s %v, want %v", user, got, of[user])
		}
	}
	sorted := func(seq func(func(*contract.ConnectionRecord) bool)) []string {
		var ids []string
		for c := range seq {
			ids = append(ids, c.ConnID)
		}
		slices.Sort(ids)
		return ids
	}
	for _, state := range []contract.ConnectionState{contract.Pending, contract.Lingering, contract.Dormant} {
		slices.Sort(in[state])
		slices.Sort(old[state])
		if got := sorted(r.Waiting(state, time.Unix(1000, 0))); !slices.Equal(got, in[state]) {
			t.Errorf("%s %v, want %v", state, got, in[state])
		}
		if got := sorted(r.Waiting(state, middle)); !slices.Equal(got, old[state]) {
			t.Errorf("%s for long %v, want %v", state, got, old[state])
		}
	}
	if got := slices.Sorted(r.Gateways()); !slices.Equal(got, slices.Sorted(maps.Keys(at))) {
		t.Errorf("gateways %v, want %v", got, at)
	}
	for gateway, ids := range at {
		slices.Sort(ids)
		if got := sorted(r.At(gateway)); !slices.Equal(got, ids) {
			t.Errorf("at %s %v, want %v", gateway, got, ids)
		}
		var digest contract.Digest
		for _, id := range ids {
			digest.Add(id, want[id].Session, r.Connection(id).Revision)
		}
		if parts := digest.Differs(r.Digest(gateway)); parts != 0 {
			t.Errorf("the digest of %s differs in parts %b", gateway, parts)
		}
	}
}

func TestForgetKeepsRemovalsForOneRound(t *testing.T) {
	t.Parallel()
	r := New()
	old := Row[contract.ConnectionRecord]{Key: "c1", Revision: 1, Record: &contract.ConnectionRecord{ConnID: "c1"}}
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 2})
	r.Forget()
	if r.ApplyConnection(old); r.Connection("c1").Record != nil {
		t.Fatal("an old record came back")
	}
	r.Forget()
	if len(r.connections.gone) != 0 {
		t.Fatal("a removal is remembered for ever")
	}
}

func TestRemovalAtTheSameRevisionCounts(t *testing.T) {
	t.Parallel()
	r := New()
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 5, Record: &contract.ConnectionRecord{ConnID: "c1"}})
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 5})
	if r.Connection("c1").Record != nil {
		t.Fatal("what the watch did not find again is still there")
	}
}

func TestAChannelNamedTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	r := New()
	c := &contract.ConnectionRecord{ConnID: "c1", User: "alice", Channels: []string{"one", "one"}}
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 1, Record: c})
	if got := r.Describe([]string{"one"}, contract.InfoOptions{}).Channels["one"]; got.TotalConnections != 1 {
		t.Fatalf("%+v", got)
	}
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 2})
	if counts := r.Counts(); counts != (Counts{}) {
		t.Fatalf("%+v", counts)
	}
}

func TestAbsentUsersAndLeases(t *testing.T) {
	t.Parallel()
	r := New()
	for i, user := range []string{"alice", "bob"} {
		r.ApplyUser(Row[contract.UserRecord]{Key: user, Revision: uint64(i) + 1, Record: &contract.UserRecord{User: user}})
	}
	r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: 1, Record: &contract.ConnectionRecord{ConnID: "c1", User: "bob"}})
	var absent []string
	for u := range r.Absent() {
		absent = append(absent, u.User)
	}
	if !reflect.DeepEqual(absent, []string{"alice"}) || r.Present("alice") || !r.Present("bob") {
		t.Fatalf("absent %v", absent)
	}
	key := contract.LeaseKey(contract.LeaseGateway, "g 1")
	r.ApplyLease(Row[contract.LeaseRecord]{Key: key, Revision: 1, Record: &contract.LeaseRecord{ID: "g 1"}})
	if r.Lease(key).Record == nil || len(slices.Collect(r.Leases())) != 1 {
		t.Fatal("no lease")
	}
	r.ApplyLease(Row[contract.LeaseRecord]{Key: key, Revision: 2})
	if r.Lease(key).Record != nil {
		t.Fatal("the lease did not end")
	}
}

// The UUID of a channel stands in apps' databases: this value must never change.
func TestChannelUUIDIsForEver(t *testing.T) {
	t.Parallel()
	if got := channelUUID("golden"); got != pinnedUUID {
		t.Fatalf("%s, want %s", got, pinnedUUID)
	}
}

const pinnedUUID = "19353cdf-4861-5674-88e2-8f47766668d1"

func BenchmarkApplyAttach(b *testing.B) {
	r := New()
	record := func(state contract.ConnectionState) *contract.ConnectionRecord {
		return &contract.ConnectionRecord{ConnID: "c1", User: "alice", Channels: channels, State: state, Gateway: "g1"}
	}
	both := [2]*contract.ConnectionRecord{record(contract.Attached), record(contract.Lingering)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.ApplyConnection(Row[contract.ConnectionRecord]{Key: "c1", Revision: uint64(i) + 1, Record: both[i&1]})
	}
}

// The cost of showing one channel must not grow with the number of others.
func BenchmarkDescribeOneOfMany(b *testing.B) {
	for _, others := range []int{0, 10000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			r := New()
			for i := range others + 10 {
				id, name := fmt.Sprint("c", i), fmt.Sprint("channel", max(0, i-9))
				r.ApplyConnection(Row[contract.ConnectionRecord]{Key: id, Revision: uint64(i) + 1, Record: &contract.ConnectionRecord{
					ConnID: id, User: id, Channels: []string{name}, State: contract.Pending,
				}})
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Describe([]string{"channel0"}, contract.InfoOptions{})
			}
		})
	}
}

func TestUsersOfSeveralChannelsAreShownOnce(t *testing.T) {
	t.Parallel()
	r := New()
	for i, user := range []string{"bob", "alice"} {
		c := &contract.ConnectionRecord{ConnID: user, User: user, Channels: []string{"one", "two"}}
		r.ApplyConnection(Row[contract.ConnectionRecord]{Key: user, Revision: uint64(i) + 1, Record: c})
	}
	for _, names := range [][]string{{"one"}, {"one", "one"}, {"one", "two"}, {"one", "nobody"}} {
		info := r.Describe(names, contract.InfoOptions{})
		if len(info.Users) != 2 || info.Users[0].User != "alice" || info.Users[1].User != "bob" {
			t.Errorf("%v: %+v", names, info.Users)
		}
	}
	if info := r.Describe([]string{"one"}, contract.InfoOptions{OmitUsers: true}); info.Users == nil || len(info.Users) != 0 {
		t.Errorf("%+v", info.Users)
	}
}

package announce

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type row = roster.Row[contract.ConnectionRecord]

func in(user string, state contract.ConnectionState, channels ...string) *contract.ConnectionRecord {
	return &contract.ConnectionRecord{User: user, State: state, Channels: channels}
}

func always(string) bool { return true }

func words(events []Event) (words []string) {
	for _, e := range events {
		action := "parted"
		if e.Joined {
			action = "joined"
		}
		words = append(words, e.User+" "+action+" "+e.Channel)
	}
	return words
}

func TestAUserIsInAChannelAsLongAsOneOfItsConnectionsIs(t *testing.T) {
	t.Parallel()
	f := newFold()
	for i, step := range []struct {
		key    string
		record *contract.ConnectionRecord
		want   string
	}{
		{"1", in("alice", contract.Pending, "a", "b"), "alice joined a, alice joined b"},
		{"1", in("alice", contract.Attached, "a", "b"), ""},
		{"2", in("alice", contract.Pending, "b", "c"), "alice joined c"},
		{"3", in("bob", contract.Pending, "b"), "bob joined b"},
		{"1", in("alice", contract.Lingering, "a", "b"), ""},
		{"1", in("alice", contract.Dormant, "a", "b"), "alice parted a"},
		{"1", in("alice", contract.Attached, "a", "b"), "alice joined a"},
		{"2", in("alice", contract.Pending, "c", "d"), "alice joined d"},
		{"1", in("alice", contract.Attached, "a", "d"), "alice parted b"},
		{"1", in("carol", contract.Pending, "a", "d"), "alice parted a, carol joined a, carol joined d"},
		{"1", nil, "carol parted a, carol parted d"},
		{"1", nil, ""},
		{"2", nil, "alice parted c, alice parted d"},
	} {
		events := f.apply(row{Key: step.key, Record: step.record, Revision: uint64(i + 1)}, always)
		if got := strings.Join(words(events), ", "); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
		for _, e := range events {
			if e.Revision != uint64(i+1) || e.Key != step.key {
				t.Errorf("step %d: %+v", i, e)
			}
		}
	}
}

func TestAChannelThatIsNotToldHearsOnlyWhatComesLater(t *testing.T) {
	t.Parallel()
	f := newFold()
	if events := f.apply(row{Key: "1", Record: in("alice", contract.Pending, "a")}, func(string) bool { return false }); events != nil {
		t.Errorf("got %v", words(events))
	}
	f.apply(row{Key: "2", Record: in("alice", contract.Pending, "a")}, nil)
	if events := f.apply(row{Key: "3", Record: in("alice", contract.Pending, "a")}, always); events != nil {
		t.Errorf("got %v", words(events))
	}
	f.apply(row{Key: "1"}, always)
	f.apply(row{Key: "2"}, always)
	if got := words(f.apply(row{Key: "3"}, always)); !slices.Equal(got, []string{"alice parted a"}) {
		t.Errorf("got %q", got)
	}
}

// model is who is in which channel, counted anew each time.
type model map[string]*contract.ConnectionRecord

func (m model) members() map[string]bool {
	members := map[string]bool{}
	for _, c := range m {
		if c == nil || c.State == contract.Dormant {
			continue
		}
		for _, channel := range c.Channels {
			members[c.User+" "+channel] = true
		}
	}
	return members
}

func isMember(members map[string]bool, user string) bool {
	for member := range members {
		if strings.HasPrefix(member, user+" ") {
			return true
		}
	}
	return false
}

func TestAUserIsAloneInAChannelByThoseThatAreTold(t *testing.T) {
	t.Parallel()
	f := newFold()
	told := func(channel string) bool { return channel != "silent" }
	for i, step := range []struct {
		key   string
		in    []string
		alone []bool
	}{
		{"1", []string{"silent"}, nil},
		{"1", []string{"a", "b", "silent"}, []bool{true, true}},
		{"2", []string{"c"}, []bool{false}},
		{"1", []string{"silent"}, []bool{false, false}},
		{"2", []string{"silent"}, []bool{true}},
		{"2", []string{"a"}, []bool{true}},
		{"2", []string{"b"}, []bool{false, false}}, // from the one to the other
	} {
		var got []bool
		for _, e := range f.apply(row{Key: step.key, Record: in("alice", contract.Attached, step.in...), Revision: uint64(i + 1)}, told) {
			got = append(got, e.Alone)
		}
		if !slices.Equal(got, step.alone) {
			t.Errorf("step %d: %v, want %v", i, got, step.alone)
		}
	}
}

func TestEventsAreTheDifferenceBetweenWhoWasThereAndWhoIs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
		f, m := newFold(), model{}
		for revision := range uint64(400) {
			key, record := fmt.Sprint(random.IntN(8)), randomRecord(random)
			before := m.members()
			m[key] = record
			after := m.members()
			var want []string
			for member := range before {
				if !after[member] {
					want = append(want, strings.Replace(member, " ", " parted ", 1))
				}
			}
			for member := range after {
				if !before[member] {
					want = append(want, strings.Replace(member, " ", " joined ", 1))
				}
			}
			events := f.apply(row{Key: key, Record: record, Revision: revision + 1}, always)
			for _, e := range events {
				members := after // what was there before the user joined, or is after it parted
				if e.Joined {
					members = before
				}
				if e.Alone == isMember(members, e.User) {
					t.Fatalf("seed %d, revision %d: %+v", seed, revision, e)
				}
			}
			got := words(events)
			slices.Sort(got)
			slices.Sort(want)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, revision %d: got %q, want %q", seed, revision, got, want)
			}
		}
		for key := range m {
			f.apply(row{Key: key}, nil)
		}
		if len(f.connections) > 0 || len(f.byUser) > 0 {
			t.Fatalf("seed %d: nobody is there, but %+v", seed, f)
		}
	}
}

func randomRecord(random *rand.Rand) *contract.ConnectionRecord {
	if random.IntN(5) == 0 {
		return nil
	}
	states := []contract.ConnectionState{contract.Pending, contract.Attached, contract.Lingering, contract.Dormant}
	record := in(string(rune('A'+random.IntN(3))), states[random.IntN(len(states))])
	for _, channel := range []string{"a", "b", "c", "d"} {
		if random.IntN(2) == 0 {
			record.Channels = append(record.Channels, channel)
		}
	}
	return record
}

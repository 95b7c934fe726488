package chronicle

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

func row(key string, revision uint64, record *contract.ConnectionRecord) roster.Row[contract.ConnectionRecord] {
	return roster.Row[contract.ConnectionRecord]{Key: key, Revision: revision, Record: record}
}

func record(channels ...string) *contract.ConnectionRecord {
	return &contract.ConnectionRecord{ConnID: "c", User: "alice", Channels: channels}
}

func all(*Change) bool { return true }

func TestAChangeIsToldAsTheBucketDatesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Window: time.Minute})
		found, next := record("a"), record("a", "b")
		c.Changed(row("c", 0, nil), row("c", 7, found)) // it was there at the start
		c.InStep()
		began := time.Now().UTC()
		time.Sleep(time.Second)
		c.Changed(row("c", 7, found), row("c", 8, next))
		c.Changed(row("d", 0, nil), row("d", 9, nil)) // nothing was, and nothing is
		c.Changed(row("c", 8, next), row("c", 10, nil))
		c.Dated(8, began.Add(time.Millisecond))
		c.Dated(10, time.Time{})
		c.Dated(99, began)
		from, changes := c.Of(func(c *Change) bool { return c.Key == "c" })
		if !from.Equal(began) || len(changes) != 1 || len(changes["c"]) != 2 {
			t.Fatalf("since %v, %+v", from, changes)
		}
		joined, gone := changes["c"][0], changes["c"][1]
		if joined.Before != found || joined.After != next || !joined.At.Equal(began.Add(time.Millisecond)) {
			t.Errorf("the first change is %+v", joined)
		}
		if gone.Before != next || gone.After != nil || !gone.At.Equal(time.Now()) {
			t.Errorf("the second change is %+v", gone)
		}
		if _, changes := c.Of(func(c *Change) bool { return c.Key == "d" }); len(changes) != 0 {
			t.Errorf("of another it says %+v", changes)
		}
	})
}

func TestWhatIsTooOldIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Window: time.Minute})
		c.InStep()
		begin := time.Now().UTC()
		for n := range uint64(100) {
			time.Sleep(time.Second)
			c.Changed(row("c", n, record()), row("c", n+1, record()))
		}
		from, changes := c.Of(all)
		if got := changes["c"]; len(got) != 61 || !got[0].At.Equal(begin.Add(40*time.Second)) || !from.Equal(begin.Add(39*time.Second)) {
			t.Errorf("%d changes since %v", len(got), from.Sub(begin))
		}
		time.Sleep(time.Hour)
		if from, changes := c.Of(all); len(changes) != 0 || !from.Equal(begin.Add(100*time.Second)) || c.bytes != 0 {
			t.Errorf("after an hour there are %d changes since %v, and %d bytes", len(changes["c"]), from.Sub(begin), c.bytes)
		}
	})
}

func TestAChronicleHoldsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"changes": {Window: time.Hour, Changes: 50}, "bytes": {Window: time.Hour, Bytes: 50 * 450},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := New(config)
			c.InStep()
			before := record()
			for n := range uint64(10_000) {
				after := record(fmt.Sprintf("a channel with a name of %d", 1000+n))
				c.Changed(row("c", n, before), row("c", n+1, after))
				before = after
				if held := len(c.changes); held > 110 {
					t.Fatalf("it holds %d changes", held)
				}
			}
			from, changes := c.Of(all)
			got := changes["c"]
			if len(got) < 40 || len(got) > 50 || got[len(got)-1].Revision != 10_000 || from.After(got[0].At) || from.IsZero() {
				t.Errorf("%d changes since %v, the first at %v", len(got), from, got[0].At)
			}
			for i := 1; i < len(got); i++ {
				if got[i].Before != got[i-1].After {
					t.Fatalf("%d does not follow", got[i].Revision)
				}
			}
		})
	}
}

// Changes may be lost while the watch of the bucket is away.
func TestAChronicleBeginsAnewWhenTheWatchDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Window: time.Minute})
		c.InStep()
		c.Changed(row("c", 0, nil), row("c", 1, record()))
		time.Sleep(time.Second)
		c.InStep()
		from, changes := c.Of(all)
		if !from.Equal(time.Now()) || len(changes["c"]) != 1 {
			t.Errorf("since %v, %+v", from, changes)
		}
	})
}

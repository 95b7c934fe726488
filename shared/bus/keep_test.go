package bus_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

// keep keeps streams until the end of the test.
func keep(t *testing.T, c *bus.Conn, all ...bus.Kept) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := c.Keep(ctx, all...); err != nil {
			t.Errorf("Keep: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); keeping.Wait() })
}

func TestAStreamThatWasRemovedIsMadeAnewBehindTheOld(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	ctx, cancel := patiently()
	defer cancel()
	kept := []bus.Kept{bus.BucketConfig{Name: "test"}, bus.LogConfig{Name: "LOG", Subjects: "log.>", ByClock: true, Bytes: 1 << 20}}
	if err := c.Has(ctx, kept...); !errors.Is(err, bus.ErrGone) {
		t.Errorf("before they are made: %v", err)
	}
	keep(t, c, kept...)
	eventually(t, "both are there", func() bool { return c.Has(ctx, kept...) == nil })
	b, err := c.BindBucket(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	before, err := b.Put(ctx, "key", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"KV_test", "LOG"} {
		if err := c.RemoveStream(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	var after uint64
	eventually(t, "the bucket takes a value again", func() bool {
		after, err = b.Put(ctx, "key", []byte("2"))
		return err == nil
	})
	if after <= before {
		t.Errorf("revision %d came after %d", after, before)
	}
	eventually(t, "both are there again", func() bool { return c.Has(ctx, kept...) == nil })
}

// Nobody tells a watcher that its bucket is another one now.
func TestAWatchGoesOnWithABucketThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	b := openBucket(t, c, 0)
	ctx, cancel := patiently()
	defer cancel()
	var mu sync.Mutex
	seen := map[string]string{}
	has := func(key, value string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return seen[key] == value
		}
	}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		err := b.Watch(watching, func(e bus.Entry) {
			mu.Lock()
			defer mu.Unlock()
			if seen[e.Key] = string(e.Value); e.Deleted {
				seen[e.Key] = "gone"
			}
		}, nil)
		if err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	defer watch.Wait()
	defer stop()
	if _, err := b.Put(ctx, "old", []byte("1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watch has the value", has("old", "1"))
	if err := c.RemoveStream(ctx, "KV_test"); err != nil {
		t.Fatal(err)
	}
	b = openBucket(t, c, 0)
	if _, err := b.Put(ctx, "new", []byte("2")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watch has what is there now", has("new", "2"))
	eventually(t, "the watch has nothing of what was there", has("old", "gone"))
}

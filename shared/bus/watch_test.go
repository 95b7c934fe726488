package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

// watched is what a watcher has seen.
type watched struct {
	mu      sync.Mutex
	entries map[string]bus.Entry // guarded by mu
	synced  int                  // guarded by mu
	wrong   error                // guarded by mu
}

func watch(t testing.TB, b *bus.Bucket) *watched {
	t.Helper()
	w := &watched{entries: map[string]bus.Entry{}}
	background(t, func(ctx context.Context) error {
		err := b.Watch(ctx, w.apply, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.synced++
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		return errors.Join(err, w.wrong)
	})
	eventually(t, "the watch is in step", func() bool { return w.times() == 1 })
	return w
}

func (w *watched) apply(e bus.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.synced > 0 && !e.Deleted && e.Revision < w.entries[e.Key].Revision {
		w.wrong = fmt.Errorf("%s at revision %d after %d", e.Key, e.Revision, w.entries[e.Key].Revision)
	}
	if e.Deleted && len(e.Value) > 0 {
		w.wrong = fmt.Errorf("%s is removed and has a value", e.Key)
	}
	e.Value = append([]byte(nil), e.Value...)
	w.entries[e.Key] = e
}

func (w *watched) entry(key string) (bus.Entry, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, seen := w.entries[key]
	return e, seen
}

func (w *watched) value(key string) string {
	e, _ := w.entry(key)
	return string(e.Value)
}

func (w *watched) times() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.synced
}

func TestWatchSeesWhatWasThereAndWhatChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := openBucket(t, s.dial(), 0)
	ctx, cancel := patiently()
	defer cancel()
	before, err := b.Create(ctx, "before", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, openBucket(t, s.dial(), 0))
	if e, _ := w.entry("before"); string(e.Value) != "1" || e.Revision != before {
		t.Fatalf("entry %+v", e)
	}
	if _, err := b.Create(ctx, "after", []byte("2")); err != nil {
		t.Fatal(err)
	}
	gone, err := b.Remove(ctx, "before", before)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both changes are seen", func() bool {
		e, _ := w.entry("before")
		return w.value("after") == "2" && e.Deleted && e.Revision == gone
	})
}

func TestWatchOutlivesARestartOfNATS(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	watching, writing := s.dial(), s.dial()
	b := openBucket(t, writing, 0)
	ctx, cancel := patiently()
	defer cancel()
	for _, key := range []string{"kept", "changed"} {
		if _, err := b.Put(ctx, key, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, openBucket(t, watching, 0))
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !watching.Connected() && !writing.Connected() })
	s.start()
	eventually(t, "the watch is in step again", func() bool { return w.times() >= 2 && writing.Connected() })
	if _, err := b.Put(ctx, "changed", []byte("2")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a change after the restart is seen", func() bool { return w.value("changed") == "2" })
	if w.value("kept") != "1" {
		t.Fatal("what did not change was lost")
	}
}

// Markers of removals go by themselves, so a watcher that was away learns of a removal by comparing all keys. Here the
// bucket's data is set back instead, which looks the same.
func TestWatchFindsWhatWentWhileItWasAway(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	watching := s.dial()
	b := openBucket(t, watching, 0)
	ctx, cancel := patiently()
	defer cancel()
	revision, err := b.Put(ctx, "gone", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, b)
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !watching.Connected() })
	s.options.StoreDir = t.TempDir()
	s.start()
	openBucket(t, s.dial(), 0)
	eventually(t, "the key is gone", func() bool {
		e, _ := w.entry("gone")
		return e.Deleted && e.Revision == revision
	})
}

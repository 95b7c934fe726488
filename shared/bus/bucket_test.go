package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func openBucket(t testing.TB, conn *bus.Conn, ttl time.Duration) *bus.Bucket {
	t.Helper()
	ctx, cancel := patiently()
	defer cancel()
	b, err := conn.OpenBucket(ctx, bus.BucketConfig{Name: "test", TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBucketChangesByCompareAndSwap(t *testing.T) {
	t.Parallel()
	b := openBucket(t, newServer(t).dial(), 0)
	ctx, cancel := patiently()
	defer cancel()
	key := contract.EncodeToken("a.b *\U0001f980")
	if _, err := b.Get(ctx, key); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("get of nothing: %v", err)
	}
	first, err := b.Create(ctx, key, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, key, []byte("2")); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("second create: %v", err)
	}
	second, err := b.Update(ctx, key, []byte("2"), first)
	if err != nil || second <= first {
		t.Fatalf("update: %d after %d, %v", second, first, err)
	}
	if _, err := b.Update(ctx, key, []byte("3"), first); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("stale update: %v", err)
	}
	if _, err := b.Remove(ctx, key, first); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("stale remove: %v", err)
	}
	if e, err := b.Get(ctx, key); err != nil || string(e.Value) != "2" || e.Revision != second || e.Key != key || e.Deleted {
		t.Fatalf("get: %+v, %v", e, err)
	}
	gone, err := b.Remove(ctx, key, second)
	if err != nil || gone <= second {
		t.Fatalf("remove: %d, %v", gone, err)
	}
	if _, err := b.Get(ctx, key); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("get of what was removed: %v", err)
	}
	if _, err := b.Update(ctx, key, []byte("4"), second); !errors.Is(err, bus.ErrConflict) {
		t.Fatalf("update of what was removed: %v", err)
	}
	if again, err := b.Create(ctx, key, []byte("4")); err != nil || again <= gone {
		t.Fatalf("create again: %d, %v", again, err)
	}
	if last, err := b.Put(ctx, key, []byte("5")); err != nil || last <= gone {
		t.Fatalf("put: %d, %v", last, err)
	}
}

func TestTheLeaderOfABucketKnowsTheNewest(t *testing.T) {
	t.Parallel()
	b := openBucket(t, newServer(t).dial(), 0)
	ctx, cancel := patiently()
	defer cancel()
	if newest, err := b.Newest(ctx); err != nil || newest != 0 {
		t.Fatalf("of an empty bucket: %d, %v", newest, err)
	}
	if _, err := b.Current(ctx, "large"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("of nothing: %v", err)
	}
	large := bytes.Repeat([]byte("\x00x"), 500<<10) // base64 makes more of it than a message may have
	last, err := b.Put(ctx, "large", large)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := b.Current(ctx, "large"); err != nil || !bytes.Equal(e.Value, large) || e.Revision != last || e.Key != "large" {
		t.Fatalf("%d bytes at revision %d, %v", len(e.Value), e.Revision, err)
	}
	gone, err := b.Remove(ctx, "large", last)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Current(ctx, "large"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("of what was removed: %v", err)
	}
	if newest, err := b.Newest(ctx); err != nil || newest != gone {
		t.Fatalf("newest %d, want %d (%v)", newest, gone, err)
	}
}

func TestAValueTooLargeForAMessageSaysSo(t *testing.T) {
	t.Parallel()
	b := openBucket(t, newServer(t).dial(), 0)
	ctx, cancel := patiently()
	defer cancel()
	large := make([]byte, 1<<20+1)
	if _, err := b.Put(ctx, "key", large); !errors.Is(err, bus.ErrTooLarge) || errors.Is(err, bus.ErrUnavailable) {
		t.Fatalf("put: %v", err)
	}
	if _, err := b.Create(ctx, "key", large); !errors.Is(err, bus.ErrTooLarge) {
		t.Fatalf("create: %v", err)
	}
}

func TestOneOfManyWritersWins(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := s.dial()
	b := openBucket(t, conn, 0)
	ctx, cancel := patiently()
	defer cancel()
	var won, lost atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch _, err := b.Create(ctx, "key", []byte("x")); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, bus.ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Fatalf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestBindWaitsForTheBucket(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := patiently()
	defer cancel()
	bound := make(chan error, 1)
	waiting := s.dial()
	go func() {
		b, err := waiting.BindBucket(ctx, "test")
		if err == nil {
			_, err = b.Put(ctx, "key", nil)
		}
		bound <- err
	}()
	openBucket(t, s.dial(), 0)
	if err := <-bound; err != nil {
		t.Fatal(err)
	}
	short, stop := patiently()
	stop()
	if _, err := waiting.BindBucket(short, "never"); err == nil {
		t.Fatal("bound to a bucket that is not there")
	}
}

func TestKeysEndWithTheTTLUnlessTheyAreRenewed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := s.dial()
	b := openBucket(t, conn, time.Second)
	w := watch(t, b)
	ctx, cancel := patiently()
	defer cancel()
	if _, err := b.Put(ctx, "silent", []byte("x")); err != nil {
		t.Fatal(err)
	}
	revision, err := b.Create(ctx, "renewed", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the silent key ends", func() bool {
		if revision, err = b.Update(ctx, "renewed", []byte("x"), revision); err != nil {
			t.Fatal(err)
		}
		e, seen := w.entry("silent")
		return seen && e.Deleted
	})
	if e, _ := w.entry("renewed"); e.Deleted {
		t.Fatal("the renewed key ended too")
	}
	if _, err := b.Create(ctx, "silent", []byte("y")); err != nil {
		t.Fatalf("create after the end: %v", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	bucket := openBucket(b, newServer(b).dial(), 0)
	var next atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		ctx, cancel := patiently()
		defer cancel()
		key := fmt.Sprint(next.Add(1))
		revision, err := bucket.Put(ctx, key, []byte("x"))
		for pb.Next() && err == nil {
			revision, err = bucket.Update(ctx, key, []byte("x"), revision)
		}
		if err != nil {
			b.Error(err)
		}
	})
}

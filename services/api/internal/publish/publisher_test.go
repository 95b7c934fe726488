package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

// wire remembers what was published; its flushes take a second of its clock.
type wire struct {
	mu      sync.Mutex
	sent    []string // guarded by mu; subjects
	flushes int      // guarded by mu
	fail    error    // guarded by mu
}

func (w *wire) Publish(subject string, _ bus.Header, _ []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, subject)
	return nil
}

func (w *wire) Flush(ctx context.Context) error {
	w.mu.Lock()
	w.flushes++
	fail := w.fail
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return fail
	}
}

func one(uuid string) []message.Message {
	return []message.Message{{UUID: uuid, Named: uuid != "", Channel: "c", Object: []byte("{}")}}
}

func TestFlushesAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		p := New(w, "ns", time.Minute)
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := p.Publish(t.Context(), one("")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if w.flushes > 2 || len(w.sent) != 100 || time.Since(began) > 2*time.Second {
			t.Errorf("%d flushes for %d messages in %v", w.flushes, len(w.sent), time.Since(began))
		}
	})
}

func TestAPublishIsFlushedByAFlushThatBeganAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		p := New(w, "ns", time.Minute)
		var all sync.WaitGroup
		all.Go(func() { _ = p.Publish(t.Context(), one("")) })
		time.Sleep(500 * time.Millisecond) // of the bubble's clock: half of the first flush
		began := time.Now()
		if err := p.Publish(t.Context(), one("")); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("the second publish took %v, so it did not wait for a flush of its own", took)
		}
		all.Wait()
	})
}

func TestACallerWhoGoesAwayDoesNotSpoilTheFlushOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		p := New(w, "ns", time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = p.Publish(t.Context(), one("")) }) // the first flush
		synctest.Wait()
		all.Go(func() { _ = p.Publish(ctx, one("")) }) // leads the second
		synctest.Wait()
		all.Go(func() {
			if err := p.Publish(t.Context(), one("")); err != nil {
				t.Errorf("publish: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
	})
}

func TestAnIDComesOnceWithinTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		p := New(w, "ns", time.Minute)
		for range 4 {
			if err := p.Publish(t.Context(), one("id")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(window/4 - time.Second) // of the bubble's clock
		}
		if len(w.sent) != 1 {
			t.Errorf("sent %d times", len(w.sent))
		}
		time.Sleep(2 * window)
		if err := p.Publish(t.Context(), one("id")); err != nil || len(w.sent) != 2 {
			t.Errorf("after the window: sent %d times (%v)", len(w.sent), err)
		}
	})
}

func TestAnIDWhoseFlushFailedMayComeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{fail: errDown}
		p := New(w, "ns", time.Minute)
		if err := p.Publish(t.Context(), one("id")); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		w.fail = nil
		if err := p.Publish(t.Context(), one("id")); err != nil || len(w.sent) != 2 {
			t.Errorf("sent %d times (%v)", len(w.sent), err)
		}
	})
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	var r recent
	at := time.Now()
	for i := range 3 * maxRecent {
		r.claim(fmt.Sprint(i), at)
	}
	if held := len(r.now) + len(r.before); held > 2*maxRecent {
		t.Errorf("holds %d ids", held)
	}
}

// BenchmarkFlush compares flushes that are shared with those that are not.
func BenchmarkFlush(b *testing.B) {
	for name, shared := range map[string]bool{"own": false, "shared": true} {
		b.Run(name, func(b *testing.B) {
			conn := connect(b)
			f := newFlusher(conn.Flush, time.Minute)
			wait := conn.Flush
			if shared {
				wait = f.wait
			}
			subject := contract.DefaultNamespace.LiveChannel("c")
			data := make([]byte, 400)
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					if err := errors.Join(conn.Publish(subject, nil, data), wait(ctx)); err != nil {
						b.Error(err)
					}
					cancel()
				}
			})
		})
	}
}

func connect(b *testing.B) *bus.Conn {
	b.Helper()
	nats, err := natsembed.Start(natsembed.Options{StoreDir: b.TempDir(), Port: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nats.Stop)
	conn, err := bus.Connect(b.Context(), bus.Options{URL: nats.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	return conn
}

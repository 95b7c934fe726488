package natsembed_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/natsembed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, o natsembed.Options) *natsembed.Server {
	t.Helper()
	o.Logger = quiet()
	s, err := natsembed.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func bucket(t *testing.T, o bus.Options) *bus.Bucket {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	o.Logger = quiet()
	conn, err := bus.Connect(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := conn.OpenBucket(ctx, bus.BucketConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWithoutAPortNothingListens(t *testing.T) {
	t.Parallel()
	s := start(t, natsembed.Options{StoreDir: t.TempDir()})
	if s.URL() != "" {
		t.Fatalf("it listens at %s", s.URL())
	}
	if _, err := bucket(t, bus.Options{InProcess: s}).Put(t.Context(), "key", []byte("1")); err != nil {
		t.Fatal(err)
	}
}

func TestWithAPortOnlyLoopbackListens(t *testing.T) {
	t.Parallel()
	s := start(t, natsembed.Options{StoreDir: t.TempDir(), Port: -1})
	host, _, err := net.SplitHostPort(s.URL()[len("nats://"):])
	if err != nil || host != "127.0.0.1" {
		t.Fatalf("it listens at %s", s.URL())
	}
	if _, err := bucket(t, bus.Options{URL: s.URL()}).Put(t.Context(), "key", []byte("1")); err != nil {
		t.Fatal(err)
	}
}

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, natsembed.Options{StoreDir: dir})
	if _, err := bucket(t, bus.Options{InProcess: first}).Put(t.Context(), "key", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	first.Stop()
	second := start(t, natsembed.Options{StoreDir: dir})
	if e, err := bucket(t, bus.Options{InProcess: second}).Get(t.Context(), "key"); err != nil || string(e.Value) != "kept" {
		t.Fatalf("%q, %v", e.Value, err)
	}
}

// Two servers on one folder: what the second one acknowledges is gone, and the store may be damaged.
func TestAFolderHasOneServerAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, natsembed.Options{StoreDir: dir})
	second, err := natsembed.Start(natsembed.Options{StoreDir: dir, Logger: quiet()})
	if err == nil {
		second.Stop()
	}
	if !errors.Is(err, natsembed.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a second server: %v", err)
	}
	first.Stop()
	start(t, natsembed.Options{StoreDir: dir})
}

func TestTheStoreHasTheSizeThatItWasGiven(t *testing.T) {
	t.Parallel()
	s := start(t, natsembed.Options{StoreDir: t.TempDir(), Store: 1 << 30, Sync: time.Second})
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: s, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	log := bus.LogConfig{Name: "LOG", Subjects: "log.>", Bytes: 1 << 31}
	if _, err := conn.OpenLog(t.Context(), log); err == nil {
		t.Error("a log of 2 GiB fits into a store of 1 GiB")
	}
	log.Bytes = 1 << 29
	if _, err := conn.OpenLog(t.Context(), log); err != nil {
		t.Error(err)
	}
}

func TestTwoServersInOneProcess(t *testing.T) {
	t.Parallel()
	one, two := start(t, natsembed.Options{StoreDir: t.TempDir()}), start(t, natsembed.Options{StoreDir: t.TempDir()})
	if _, err := bucket(t, bus.Options{InProcess: one}).Put(t.Context(), "key", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket(t, bus.Options{InProcess: two}).Get(t.Context(), "key"); !errors.Is(err, bus.ErrNotFound) {
		t.Fatalf("they share their data: %v", err)
	}
}

func TestAFolderThatCanNotBeUsedIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := natsembed.Start(natsembed.Options{StoreDir: file, Logger: quiet()})
	if err == nil {
		s.Stop()
		t.Fatal("no error")
	}
	if errors.Is(err, natsembed.ErrNotReady) || !strings.Contains(err.Error(), file) {
		t.Errorf("the error does not say why: %v", err)
	}
}

// blocks are the files that hold what a bucket has.
func blocks(t *testing.T, dir, bucket string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "KV_"+bucket, "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the bucket: %v", err)
	}
	return files
}

func TestADamagedStoreStartsAndSaysWhatItHasLost(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(file string, content []byte) error{
		"cut off":  func(file string, content []byte) error { return os.Truncate(file, int64(len(content)-10)) },
		"all zero": func(file string, content []byte) error { return os.WriteFile(file, make([]byte, len(content)), 0o600) },
		"gone":     func(file string, _ []byte) error { return os.Remove(file) },
		"another byte": func(file string, content []byte) error {
			content[len(content)-10]++
			return os.WriteFile(file, content, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first := start(t, natsembed.Options{StoreDir: dir})
			b := bucket(t, bus.Options{InProcess: first})
			var newest uint64
			for _, key := range []string{"one", "two"} {
				var err error
				if newest, err = b.Put(t.Context(), key, []byte(key)); err != nil {
					t.Fatal(err)
				}
			}
			first.Stop()
			for _, file := range blocks(t, dir, "test") {
				content, err := os.ReadFile(file)
				if err == nil {
					err = damage(file, content)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			second := start(t, natsembed.Options{StoreDir: dir})
			if lost := second.Lost(); len(lost) != 1 || lost[0].Stream != "KV_test" || lost[0].Had != newest || lost[0].Has >= newest {
				t.Errorf("lost %+v", lost)
			}
			if _, err := bucket(t, bus.Options{InProcess: second}).Put(t.Context(), "three", []byte("3")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASoundStoreHasLostNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		s := start(t, natsembed.Options{StoreDir: dir})
		if lost := s.Lost(); len(lost) > 0 {
			t.Errorf("lost %+v", lost)
		}
		if _, err := bucket(t, bus.Options{InProcess: s}).Put(t.Context(), "key", []byte("1")); err != nil {
			t.Fatal(err)
		}
		inMemory(t, s)
		s.Stop()
	}
}

// inMemory stores a message that is meant to be lost.
func inMemory(t *testing.T, s *natsembed.Server) {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: s, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log, err := conn.OpenLog(t.Context(), bus.LogConfig{Name: "LOG", Subjects: "log.>", Bytes: 1 << 20, Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := log.Store("log.one", "", nil, []byte("1"))
	if err == nil {
		_, err = stored.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

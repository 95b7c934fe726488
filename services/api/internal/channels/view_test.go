package channels_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/api/internal/channels"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// follow begins a view before its bucket is there, and gives both.
func follow(t *testing.T) (*channels.View, *bus.Bucket) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	nats, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: nats, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	view := channels.New(logger)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- view.Run(ctx, conn, contract.DefaultNamespace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	bucket, err := conn.OpenBucket(t.Context(), bus.BucketConfig{Name: contract.DefaultNamespace.Bucket(contract.BucketChannels)})
	if err != nil {
		t.Fatal(err)
	}
	return view, bucket
}

const name = "a channel.*"

// put writes the record of the channel and waits until the view has it.
func put(t *testing.T, view *channels.View, bucket *bus.Bucket, record contract.ChannelRecord) uint64 {
	t.Helper()
	record.Name = name
	value, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	revision, err := bucket.Put(t.Context(), contract.EncodeToken(name), value)
	if err != nil {
		t.Fatal(err)
	}
	await(t, view, revision)
	return revision
}

func await(t *testing.T, view *channels.View, revision uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := view.Await(ctx, revision); err != nil {
		t.Fatal(err)
	}
}

func TestTheViewFollowsTheBucket(t *testing.T) {
	t.Parallel()
	view, bucket := follow(t)
	revision := put(t, view, bucket, contract.ChannelRecord{Settings: contract.ChannelSettings{HistorySize: 3}})
	if got := view.Settings(name); got != (contract.ChannelSettings{HistorySize: 3}) {
		t.Errorf("settings %+v", got)
	}
	if view.Settings("another") != contract.DefaultChannelSettings() || view.History(name) || view.History("another") {
		t.Error("another channel has settings of its own, or history")
	}
	removed, err := bucket.Remove(t.Context(), contract.EncodeToken(name), revision)
	if err != nil {
		t.Fatal(err)
	}
	await(t, view, removed)
	if view.Settings(name) != contract.DefaultChannelSettings() {
		t.Error("a channel without a record has settings of its own")
	}
}

func TestAChannelThatKeptHistoryOnceIsRemembered(t *testing.T) {
	t.Parallel()
	view, bucket := follow(t)
	put(t, view, bucket, contract.ChannelRecord{Settings: contract.ChannelSettings{StoreHistory: true}})
	if !view.History(name) {
		t.Error("it keeps history, and the view does not know")
	}
	put(t, view, bucket, contract.ChannelRecord{Settings: contract.DefaultChannelSettings(), History: true})
	if !view.History(name) || view.Settings(name).StoreHistory {
		t.Error("that it kept history once is forgotten")
	}
	put(t, view, bucket, contract.ChannelRecord{Settings: contract.DefaultChannelSettings()})
	if view.History(name) {
		t.Error("it never kept any")
	}
}

func TestWaitingForARevisionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	view, bucket := follow(t)
	put(t, view, bucket, contract.ChannelRecord{})
	revision := put(t, view, bucket, contract.ChannelRecord{}) // comes after all that was there
	if !view.Synced() {
		t.Error("the view has been read, and does not say so")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := view.Await(ctx, revision+1); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for what never came: %v", err)
	}
	for _, seen := range []uint64{0, revision} {
		if err := view.Await(ctx, seen); err != nil {
			t.Errorf("waited for revision %d: %v", seen, err)
		}
	}
}

func TestARecordThatCanNotBeReadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	view, bucket := follow(t)
	put(t, view, bucket, contract.ChannelRecord{Settings: contract.ChannelSettings{HistorySize: 3}})
	revision, err := bucket.Put(t.Context(), contract.EncodeToken(name), []byte(`{`))
	if err != nil {
		t.Fatal(err)
	}
	await(t, view, revision)
	if view.Settings(name).HistorySize != 3 {
		t.Error("the settings before are forgotten")
	}
}

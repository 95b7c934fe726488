package channels_test

import (
	"context"
	"encoding/json"
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

func TestTheViewFollowsTheBucket(t *testing.T) {
	t.Parallel()
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
	go func() { done <- view.Run(ctx, conn, contract.DefaultNamespace) }() // before the bucket is there
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

	const name = "a channel.*"
	value, err := json.Marshal(contract.ChannelRecord{Name: name, Settings: contract.ChannelSettings{HistorySize: 3}})
	if err != nil {
		t.Fatal(err)
	}
	revision, err := bucket.Create(t.Context(), contract.EncodeToken(name), value)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return view.Settings(name) == contract.ChannelSettings{HistorySize: 3} })
	if view.Settings("another") != contract.DefaultChannelSettings() {
		t.Error("another channel has settings of its own")
	}
	if _, err := bucket.Remove(t.Context(), contract.EncodeToken(name), revision); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return view.Settings(name) == contract.DefaultChannelSettings() })
}

func until(t *testing.T, reached func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !reached() {
		select {
		case <-deadline:
			t.Fatal("it did not come to that")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

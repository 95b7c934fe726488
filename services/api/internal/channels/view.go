// Package channels is a read-only view of the settings of channels, kept up to date by a watch, so that publishing a
// message asks nobody. It may be a moment behind, for which Await is there; until it has been read for the first time,
// which Synced tells, every channel has the default settings.
package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/progress"
)

// View is the settings of channels. It is safe for use by many goroutines.
type View struct {
	log    *slog.Logger
	synced atomic.Bool
	come   progress.Progress // to a revision of the bucket

	mu       sync.RWMutex
	channels map[string]channel // by token; guarded by mu; those that were configured
}

type channel struct {
	settings contract.ChannelSettings
	history  bool // it keeps history, or did once
}

// New makes a view in which all is default.
func New(log *slog.Logger) *View {
	return &View{log: log, channels: map[string]channel{}}
}

// Settings gives the settings of a channel.
func (v *View) Settings(channel string) contract.ChannelSettings {
	if c, found := v.find(channel); found {
		return c.settings
	}
	return contract.DefaultChannelSettings()
}

// History says whether a channel keeps history, or did once.
func (v *View) History(channel string) bool {
	c, _ := v.find(channel)
	return c.history
}

func (v *View) find(name string) (c channel, found bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.channels) > 0 {
		c, found = v.channels[contract.EncodeToken(name)]
	}
	return c, found
}

// Synced says whether all that was there at the start has been read.
func (v *View) Synced() bool { return v.synced.Load() }

// Await returns when the view has come to a revision of the bucket.
func (v *View) Await(ctx context.Context, revision uint64) error {
	if !v.come.Wait(ctx, revision) {
		return fmt.Errorf("await revision %d of the settings of channels: %w", revision, ctx.Err())
	}
	return nil
}

// Run follows the bucket until ctx ends. It waits for presence to make it.
func (v *View) Run(ctx context.Context, conn *bus.Conn, ns contract.Namespace) error {
	bucket, err := conn.BindBucket(ctx, ns.Bucket(contract.BucketChannels))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := bucket.Watch(ctx, v.apply, func() { v.synced.Store(true) }); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (v *View) apply(e bus.Entry) {
	defer v.come.Reach(e.Revision)
	var record contract.ChannelRecord
	if !e.Deleted {
		if err := json.Unmarshal(e.Value, &record); err != nil {
			v.log.Error("a channel's record can not be read", "key", e.Key, "error", err)
			return
		}
	}
	c := channel{settings: record.Settings, history: record.History || record.Settings.StoreHistory}
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Deleted || !c.history && c.settings == contract.DefaultChannelSettings() {
		delete(v.channels, e.Key)
	} else {
		v.channels[e.Key] = c
	}
}

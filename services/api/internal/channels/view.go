// Package channels is a read-only view of the settings of channels, kept up to date by a watch, so that publishing a
// message asks nobody. It may be a moment behind; until it has been read for the first time, every channel has the
// default settings.
package channels

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// View is the settings of channels. It is safe for use by many goroutines.
type View struct {
	log *slog.Logger

	mu       sync.RWMutex
	settings map[string]contract.ChannelSettings // by token; guarded by mu; those that differ from the default
}

// New makes a view in which all is default.
func New(log *slog.Logger) *View {
	return &View{log: log, settings: map[string]contract.ChannelSettings{}}
}

// Settings gives the settings of a channel.
func (v *View) Settings(channel string) contract.ChannelSettings {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.settings) == 0 {
		return contract.DefaultChannelSettings()
	}
	if s, ok := v.settings[contract.EncodeToken(channel)]; ok {
		return s
	}
	return contract.DefaultChannelSettings()
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
	if err := bucket.Watch(ctx, v.apply, nil); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (v *View) apply(e bus.Entry) {
	var record contract.ChannelRecord
	if !e.Deleted {
		if err := json.Unmarshal(e.Value, &record); err != nil {
			v.log.Error("a channel's record can not be read", "key", e.Key, "error", err)
			return
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Deleted || record.Settings == contract.DefaultChannelSettings() {
		delete(v.settings, e.Key)
	} else {
		v.settings[e.Key] = record.Settings
	}
}

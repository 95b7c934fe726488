// Package history keeps the messages of channels that are to be remembered, gives them back with their edits in them,
// and takes away what is more than a channel may keep.
//
// It promises that Read gives what was acknowledged before it, or an error, but no part of it unless it says so; that the
// memory of all reads together is bounded; that an edit stays as long as its message does; and that no number of edits
// drives a message out. How much of a channel lies in its log at a
// time is not promised: Read shows no more than it is asked for.
package history

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Config is what an archive works with.
type Config struct {
	Conn      *bus.Conn
	Logger    *slog.Logger
	Namespace contract.Namespace
	Messages  settings.Messages
	MaxAnswer int                                           // bytes of history that one Read gives
	Timeout   time.Duration                                 // of one trim
	Settings  func(channel string) contract.ChannelSettings // as they are now
}

// Archive is the history of all channels. It is safe for use by many goroutines.
type Archive struct {
	// set at construction
	config Config
	logs   [contract.HistoryShards]*bus.Log
	excess *excess
	large  chan struct{} // holds one for each large recall
}

// New makes an archive of logs that somebody else makes. What its channels have too much is taken away while Run is running.
func New(c Config) *Archive {
	a := &Archive{config: c, excess: newExcess(), large: make(chan struct{}, mostLarge)}
	for shard := range a.logs {
		a.logs[shard] = c.Conn.BindLog(c.Namespace.HistoryStream(shard))
	}
	return a
}

// Holds says how much the history of all channels is, and when the oldest of it was stored.
func (a *Archive) Holds(ctx context.Context) (all bus.LogState, err error) {
	for _, log := range a.logs {
		state, err := log.State(ctx)
		if err != nil {
			return bus.LogState{}, fmt.Errorf("weigh history: %w", err)
		}
		if state.Messages > 0 && (all.Messages == 0 || state.Oldest.Before(all.Oldest)) {
			all.Oldest = state.Oldest
		}
		all.Messages, all.Bytes = all.Messages+state.Messages, all.Bytes+state.Bytes
	}
	return all, nil
}

// Log is where the history of a channel lies.
func (a *Archive) Log(channel string) *bus.Log { return a.logs[contract.HistoryShard(channel)] }

// Stored counts a record that came to lie in the history of a channel, so that it is trimmed in time.
func (a *Archive) Stored(channel string) {
	a.excess.count(channel, max(a.Most(channel), leastExcess))
}

// Most is how many messages a channel may keep.
func (a *Archive) Most(channel string) int {
	return a.bounded(a.config.Settings(channel).HistorySize)
}

// bounded is a size that no channel exceeds; 0 stands for the largest.
func (a *Archive) bounded(size int) int {
	if size == 0 {
		return a.config.Messages.HistoryMessages
	}
	return min(size, a.config.Messages.HistoryMessages)
}

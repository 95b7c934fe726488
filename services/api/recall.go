package api

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/contract"
)

// recallAtOnce is how many histories are read at a time for one request.
const recallAtOnce = 16

// recall puts the history of channels into their description, which presence left empty. An error means that not all of
// it is there.
func (s *Service) recall(ctx context.Context, info contract.ChannelsInfo, options contract.InfoOptions) error {
	if options.OmitHistory {
		return nil
	}
	var names []string
	for name, channel := range info.Channels {
		if channel.Settings.StoreHistory || s.channels.History(name) {
			names = append(names, name)
		}
	}
	histories := make([][]json.RawMessage, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(recallAtOnce)
	for i, name := range names {
		group.Go(func() (err error) {
			histories[i], err = s.history.Read(ctx, name, info.Channels[name].Settings.HistorySize)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, name := range names {
		channel := info.Channels[name]
		channel.History = histories[i]
		info.Channels[name] = channel
	}
	return nil
}

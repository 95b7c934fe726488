package channelstream

import (
	"context"
	"path/filepath"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// nats says where NATS is: an embedded server, unless one is configured.
func (s *Service) nats(ctx context.Context) (source bus.Options, stop func(), err error) {
	c := s.config.Settings.NATS
	if c.URL != "" {
		return bus.Options{URL: c.URL, Creds: c.CredsFile}, func() {}, nil
	}
	keep := kept(s.config.Settings.Messages)
	stopped := s.config.Stages.Begin("the NATS server")
	server, err := natsembed.Start(natsembed.Options{
		StoreDir: filepath.Join(c.DataDir, "nats"), Store: presenceRoom + keep, Sync: c.Sync, SyncAlways: c.Sync == 0,
		Logger: telemetry.Component(s.config.Logger, "nats"),
	})
	if err != nil {
		stopped()
		return bus.Options{}, nil, err
	}
	stop = func() { server.Stop(); stopped() }
	if room := server.Room(); room > 0 && keep > room {
		s.config.Logger.Warn("the disk has no room for all that is to be kept on it, and nothing can be stored when it is full: "+
			"lower CHANNELSTREAM_LOG_BYTES or CHANNELSTREAM_HISTORY_BYTES", "folder", c.DataDir, "bytes of room", room, "bytes to keep", keep)
	}
	source = bus.Options{InProcess: server}
	if err := s.account(ctx, source, server.Lost()); err != nil {
		stop()
		return bus.Options{}, nil, err
	}
	return source, stop, nil
}

// account tells what a damaged store has lost. The log of messages is made anew then: it would go on with offsets that
// clients had for other messages, and who comes back with one would miss some and not be told.
func (s *Service) account(ctx context.Context, source bus.Options, lost []natsembed.Loss) error {
	ns := contract.Namespace(s.config.Settings.NATS.Namespace)
	for _, loss := range lost {
		s.config.Logger.Error("the store was damaged, and has lost a part: "+meaning(ns, loss.Stream),
			"stream", loss.Stream, "newest it had", loss.Had, "newest it has", loss.Has)
		if loss.Stream != ns.LogStream() || loss.Has == 0 {
			continue
		}
		if err := s.remove(ctx, source, loss.Stream); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) remove(ctx context.Context, source bus.Options, stream string) error {
	source.Name, source.Logger = "repair", telemetry.Component(s.config.Logger, "bus")
	conn, err := bus.Connect(ctx, source)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.RemoveStream(ctx, stream)
}

// meaning says what operators should do about the loss of a part of a stream.
func meaning(ns contract.Namespace, stream string) string {
	switch stream {
	case ns.LogStream():
		return "messages for clients that come back; each is told that it missed some"
	case bus.BucketStream(ns.Bucket(contract.BucketChannels)):
		return "settings of channels; have the app send its channel_configs again"
	case bus.BucketStream(ns.Bucket(contract.BucketUsers)):
		return "users, and what they may hear; have the app connect them again"
	case bus.BucketStream(ns.Bucket(contract.BucketConnections)):
		return "connections; their clients have to be connected again"
	case bus.BucketStream(ns.Bucket(contract.BucketLeases)):
		return "leases of services, which are made again at once"
	}
	return "history of some channels"
}

// presenceRoom is what the embedded server may take on disk beside messages: users, connections and channels. With a limit
// of its own NATS would take a share of what is free when it starts, and what it has taken already is not free the next
// time: a small disk would do for the first start only.
const presenceRoom = 4 << 30

// kept is how many bytes of messages are kept on disk at most.
func kept(m settings.Messages) (bytes int64) {
	if m.LogStorage == "file" {
		bytes += int64(m.LogBytes)
	}
	if m.HistoryStorage == "file" {
		bytes += int64(m.HistoryBytes)
	}
	return bytes
}

package api

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// showRetry is when it is tried again to be seen.
const showRetry = time.Second

// show has NATS service discovery find this process, until ctx ends. It is asked for nothing over NATS, so it has no endpoints;
// and it works as well when nobody can see it.
func (s *Service) show(ctx context.Context) error {
	outage := telemetry.NewOutage(s.log, "NATS service discovery does not show this process; trying again", "NATS service discovery shows this process")
	service := bus.Service{
		Name: contract.APIService, Description: "Takes the requests of apps over HTTP", Version: s.version, Logger: s.log,
		Metadata: map[string]string{"namespace": string(s.ns), "id": s.id},
	}
	for {
		err := s.conn.Serve(ctx, service, func() { outage.Note(nil) })
		if ctx.Err() != nil {
			return nil
		}
		outage.Note(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(showRetry):
		}
	}
}

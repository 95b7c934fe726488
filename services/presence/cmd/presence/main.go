// Command presence knows who is where.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

var version string // set by the linker

func main() {
	program := serve.Program{Name: "presence", Version: version, Serve: run}
	os.Exit(program.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run answers over NATS until ctx ends. The port is for operators alone.
func run(ctx context.Context, s settings.Settings, log *slog.Logger) (err error) {
	ports, err := serve.BindOperator(s)
	if err != nil {
		return err
	}
	defer ports.Close()
	conn, err := bus.Connect(ctx, bus.Options{URL: s.NATS.URL, Name: "channelstream-presence", Logger: telemetry.Component(log, "bus")})
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), s.Timing.Shutdown)
		defer cancel()
		err = errors.Join(err, conn.Drain(drain))
	}()
	registry := telemetry.NewRegistry()
	service, err := presence.New(presence.Config{
		Namespace: contract.Namespace(s.NATS.Namespace), Replicas: s.NATS.Replicas, MaxChannels: s.Limits.MaxChannels,
		MaxUserChannels: s.Limits.MaxUserChannels, MaxState: s.Limits.MaxState,
		ConnectTimeout: s.Presence.ConnectTimeout, Linger: s.Presence.Linger, LeaseTTL: s.Presence.LeaseTTL,
		ResumeWindow: s.Messages.ResumeWindow, UserRetention: s.Presence.UserRetention,
		RequestTimeout: s.Timing.Request, Version: version,
		Conn: conn, Logger: telemetry.Component(log, "presence"), Registry: registry,
	})
	if err != nil {
		return err
	}
	health := serve.Health{Ready: map[string]serve.Check{"presence": service.Ready}}
	operations := serve.Operations(health, registry, version, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ports.Run(ctx, nil, operations, log) })
	group.Go(func() error { return service.Run(ctx) })
	return group.Wait()
}

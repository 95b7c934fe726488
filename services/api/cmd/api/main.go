// Command api is the HTTP API as a process of its own.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

var version string // set by the linker

func main() {
	program := serve.Program{Name: "api", Version: version, Serve: run}
	os.Exit(program.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run serves the API, and what operators ask, until ctx ends.
func run(ctx context.Context, s settings.Settings, log *slog.Logger) (err error) {
	if len(s.Access.Secrets) == 0 { // the processes of one installation must agree on it, so none can make one
		return settings.ErrNoSecret
	}
	ports, err := serve.Bind(s)
	if err != nil {
		return err
	}
	defer ports.Close()
	conn, err := bus.Connect(ctx, bus.Options{URL: s.NATS.URL, Name: "channelstream-api", Logger: telemetry.Component(log, "bus")})
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), s.Timing.Shutdown)
		defer cancel()
		err = errors.Join(err, conn.Drain(drain))
	}()
	registry := telemetry.NewRegistry()
	service, err := api.New(api.Config{Settings: s, Conn: conn, Logger: log, Registry: registry})
	if err != nil {
		return err
	}
	health := serve.Health{Ready: map[string]serve.Check{"nats": service.Ready}}
	operations := serve.Operations(health, registry, version, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ports.Run(ctx, service.Handler(), operations, log) })
	group.Go(func() error { return service.Run(ctx) })
	return group.Wait()
}

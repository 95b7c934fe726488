// Command gateway holds client sockets.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// version is set by the build.
var version = "0.1.0"

// gcPercent keeps the memory of idle sockets small. Fan-out allocates next to nothing, so collecting more often costs
// it next to nothing. GOGC in the environment wins.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	p := serve.Program{Name: "gateway", Version: version, Serve: run}
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(ctx context.Context, s settings.Settings, log *slog.Logger) error {
	if err := s.EnsureKeptSecret(); err != nil {
		return err
	}
	ports, err := serve.Bind(s)
	if err != nil {
		return err
	}
	defer ports.Close()
	conn, err := bus.Connect(ctx, bus.Options{URL: s.NATS.URL, Name: "gateway", Logger: telemetry.Component(log, "bus")})
	if err != nil {
		return err
	}
	defer conn.Close()
	registry := telemetry.NewRegistry()
	service, err := gateway.New(gateway.Config{
		Settings: s, Conn: conn, Address: ports.Addr().String(), Version: version,
		Logger: telemetry.Component(log, "gateway"), Registry: registry,
	})
	if err != nil {
		return err
	}
	operations := serve.Operations(serve.Health{Ready: map[string]serve.Check{"gateway": service.Ready}}, registry, version, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ports.Run(ctx, service.Handler(), operations, log) })
	group.Go(func() error { return service.Run(ctx) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

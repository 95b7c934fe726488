// Command demo serves the demo at /demo as a process of its own, beside an api and a gateway.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/channelstream/channelstream/services/demo"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	p := serve.Program{Name: "demo", Version: version, Serve: run}
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(ctx context.Context, call serve.Call) error {
	s, log := call.Settings, call.Log
	if s.Demo.APIURL == "" {
		return errors.New("start demo: " + settings.Prefix + "DEMO_API_URL is not set: the URL of the api")
	}
	if err := s.EnsureKeptSecret(); err != nil {
		return err
	}
	service, err := demo.New(demo.Config{
		APIURL: s.Demo.APIURL, PublicURL: s.Listen.PublicURL, Secret: s.Access.Secrets[0],
		Logger: telemetry.Component(log, "demo"),
	})
	if err != nil {
		return err
	}
	defer service.Close()
	if !s.Access.Generated {
		log.Warn(demo.Warning)
	}
	ports, err := serve.Bind(s)
	if err != nil {
		return err
	}
	operations := serve.Operations(serve.Health{}, telemetry.NewRegistry(), version, log)
	page := edge.NewTransport(s.Access).Guard(service.Handler())
	if err := ports.Run(ctx, page, operations, log); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// Command channelstream is the whole push server in one process, for one machine and for tests.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/channelstream/channelstream/services/channelstream"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	p := serve.Program{
		Name: "channelstream", Version: version, Serve: run,
		Commands: map[string]serve.Command{
			"sign": {Doc: "print a signature for a path, such as /message, or for a user's name", Run: sign},
		},
	}
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(ctx context.Context, call serve.Call) error {
	s, log := call.Settings, call.Log
	if err := s.EnsureKeptSecret(); err != nil {
		return err
	}
	service, err := channelstream.New(channelstream.Config{Settings: s, Version: version, Logger: log, Stages: call.Stages})
	if err != nil {
		return err
	}
	if s.Access.Generated {
		log.Warn("CHANNELSTREAM_SECRET is not set: using a secret made for development",
			"secret", s.Access.Secrets[0], "kept in", s.NATS.DataDir)
	}
	return service.Run(ctx)
}

// sign prints what goes into the header x-channelstream-secret, or a browser's `sig`.
func sign(_ context.Context, call serve.Call) error {
	if len(call.Args) != 1 {
		return fmt.Errorf("%w: sign takes one path or user name", serve.ErrUsage)
	}
	secrets := call.Settings.Access.Secrets
	if len(secrets) == 0 {
		secret, err := settings.KeptSecret(call.Settings.NATS.DataDir)
		if err != nil {
			return err
		}
		secrets = []string{secret}
	}
	_, err := fmt.Fprintln(call.Out, signature.Sign(secrets[0], call.Args[0], time.Now()))
	return err
}

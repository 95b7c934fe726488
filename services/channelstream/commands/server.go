package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/services/channelstream"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

func (l *line) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the server (default)",
		Args: takes(0, 0, "none"),
		RunE: l.runServer,
	}
}

func (l *line) runServer(cmd *cobra.Command, args []string) error {
	call, err := l.load(cmd.Context(), args)
	if err != nil {
		return err
	}
	return l.server.RunServer(cmd.Context(), call)
}

// run is the server itself.
func (l *line) run(ctx context.Context, call serve.Call) error {
	s, log := call.Settings, call.Log
	if err := s.EnsureKeptSecret(); err != nil {
		return err
	}
	service, err := channelstream.New(channelstream.Config{Settings: s, Version: l.Version, Logger: log, Stages: call.Stages})
	if err != nil {
		return err
	}
	if s.Access.Generated {
		log.Warn("CHANNELSTREAM_SECRET is not set: using a secret made for development",
			"secret", s.Access.Secrets[0], "kept in", s.NATS.DataDir)
	}
	return service.Run(ctx)
}

func (l *line) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck [URL]", Short: "Exit with 0 if the server is ready",
		Args: takes(0, 1, "one URL at most"),
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := l.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			return serve.CheckHealth(cmd.Context(), call)
		},
	}
}

func (l *line) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(l.Out, l.server.VersionLine())
			return err
		},
	}
}

// signCommand prints what goes into the header x-channelstream-secret, or a browser's `sig`.
func (l *line) signCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sign PATH|USER", Short: "Print a signature for a path, such as /message, or for a user's name",
		Args: takes(1, 1, "one path or user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			call, err := l.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			secret, err := secretOf(call.Settings)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(l.Out, signature.Sign(secret, args[0], time.Now()))
			return err
		},
	}
}

// secretOf is what the server of this configuration is signed with: the first that is set, or the one it has made.
func secretOf(s settings.Settings) (string, error) {
	if len(s.Access.Secrets) > 0 {
		return s.Access.Secrets[0], nil
	}
	return settings.KeptSecret(s.NATS.DataDir)
}

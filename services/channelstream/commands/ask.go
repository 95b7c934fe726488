package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
)

// asking are the commands that ask a server that runs.
func (l *line) asking() []*cobra.Command {
	commands := []*cobra.Command{
		l.publishCommand(), l.tailCommand(), l.infoCommand(), l.connectionsCommand(), l.gatewaysCommand(), l.kickCommand(), l.configCommand(),
		l.explainCommand(),
	}
	for _, command := range commands {
		command.Flags().StringVar(&l.url, "url", "", "`URL` of the server (default CHANNELSTREAM_PUBLIC_URL, or else its address on this machine)")
		command.Flags().BoolVar(&l.json, "json", false, "print JSON")
	}
	return commands
}

// server is a server that is asked.
type server struct {
	*client.Client
	url string
}

// dial makes a client of the server that the configuration or --url names. Nothing is sent yet.
func (l *line) dial(ctx context.Context) (*server, error) {
	call, err := l.load(ctx, nil)
	if err != nil {
		return nil, err
	}
	secret, err := secretOf(call.Settings)
	if err != nil {
		return nil, err
	}
	at := l.url
	if at == "" {
		at = urlOf(call.Settings.Listen)
	}
	c, err := client.New(at, secret)
	if err != nil {
		return nil, usage("--url: %w", err)
	}
	return &server{Client: c, url: at}, nil
}

// urlOf is where a server with this configuration is found: by its public URL, or else from its own machine.
func urlOf(listen settings.Listen) string {
	at := strings.TrimSuffix(serve.ReadyURL(listen.Host, listen.Port), "/readyz")
	if listen.PublicURL != "" {
		at = strings.TrimRight(listen.PublicURL, "/")
	}
	if u, err := url.Parse(at); err == nil && u.Path == "" {
		return at + listen.BasePath
	}
	return at
}

// explain says in plain words why the server did not do what it was asked, and what helps.
func (s *server) explain(err error) error {
	var fault *client.Error
	var network *url.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &fault):
		return s.refused(fault)
	case errors.As(err, &network):
		return fmt.Errorf("no server answers at %s: start it, or say with --url where it is (%w)", s.url, network.Err)
	}
	return fmt.Errorf("ask %s: %w", s.url, err)
}

// refused explains an answer that is not a 200.
func (s *server) refused(fault *client.Error) error {
	switch fault.Status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%s does not take this secret: give the server's own as CHANNELSTREAM_SECRET or in the ini file (--config), or run this in the "+
			"folder where the server runs; if it is the same, compare the clocks (%w)", s.url, fault)
	case http.StatusForbidden:
		return fmt.Errorf("%s takes no requests from this machine: add its address to CHANNELSTREAM_ALLOW_POSTING_FROM of the server (%w)", s.url, fault)
	case http.StatusNotAcceptable:
		return fmt.Errorf("%s takes requests over TLS only: use its https URL with --url (%w)", s.url, fault)
	case http.StatusNotFound:
		return fmt.Errorf("%s has no such path: a server below a path, or of another version? --url takes the path too (%w)", s.url, fault)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fmt.Errorf("%s can not answer now: try again in a while (%w)", s.url, fault)
	case http.StatusUnprocessableEntity:
		return invalid(fault)
	}
	if fault.Code == "" {
		return fmt.Errorf("what answers at %s is no Channelstream, or a proxy before it: look at --url (%w)", s.url, fault)
	}
	return fault
}

// invalid says which fields the server refused, one line each.
func invalid(fault *client.Error) error {
	var lines []string
	for _, field := range slices.Sorted(maps.Keys(fault.Fields)) {
		lines = append(lines, strings.TrimPrefix(field, "0.")+": "+strings.Join(fault.Fields[field], " "))
	}
	if len(lines) == 0 {
		return fault
	}
	return errors.New(strings.Join(lines, "\n"))
}

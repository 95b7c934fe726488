package commands

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

func (l *line) connectionsCommand() *cobra.Command {
	var which client.ListConnections
	cmd := &cobra.Command{
		Use: "connections [--user USER] [--channel CHANNEL]", Short: "List connections: who, where, in which state",
		Long: "Lists all connections, or those of a user, or in a channel, or both. A dormant one is in no channel: its client may still come\n" +
			"back, and finds the channels that are shown. With --json each connection is a line.",
		Args: takes(0, 0, "no arguments, but --user and --channel"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			return l.listConnections(cmd, s, which)
		},
	}
	cmd.Flags().StringVar(&which.User, "user", "", "those of this `USER`")
	cmd.Flags().StringVar(&which.Channel, "channel", "", "those in this `CHANNEL`")
	err := errors.Join(
		cmd.RegisterFlagCompletionFunc("user", l.complete(userNames)),
		cmd.RegisterFlagCompletionFunc("channel", l.complete(channelNames)),
	)
	if err != nil {
		panic(err) // a flag that was not made above
	}
	return cmd
}

func (l *line) listConnections(cmd *cobra.Command, s *server, which client.ListConnections) error {
	var t table
	t.row("CONNECTION", "USER", "STATE", "GATEWAY", "BY", "SINCE", "CHANNELS")
	found, told := 0, time.Now()
	for c, err := range s.Connections(cmd.Context(), which) {
		if err != nil {
			return s.explain(err)
		}
		if found++; time.Since(told) > progressEvery {
			told = time.Now()
			l.note("%s so far", count(found, "connection", "connections"))
		}
		if l.json {
			if err := printJSON(l.Out, c); err != nil {
				return err
			}
			continue
		}
		t.row(c.ConnID, c.User, c.State, cmp.Or(c.Gateway, "-"), cmp.Or(c.Transport, "-"), clock(c.Since),
			cmp.Or(strings.Join(c.Channels, ", "), "-"))
	}
	switch {
	case found == 0:
		return l.noConnection(which)
	case l.json:
		return nil
	}
	return t.print(l.Out)
}

// noConnection says that nothing was found, which is a failure where somebody was looked for.
func (l *line) noConnection(which client.ListConnections) error {
	switch {
	case which.User != "" && which.Channel != "":
		return fmt.Errorf("no connection of user %q is in channel %q", which.User, which.Channel)
	case which.User != "":
		return fmt.Errorf("no user %q is connected", which.User)
	case which.Channel != "":
		return fmt.Errorf("nobody is in a channel %q; channelstream info lists those that there are", which.Channel)
	}
	l.note("no connections")
	return nil
}

func (l *line) gatewaysCommand() *cobra.Command {
	return &cobra.Command{
		Use: "gateways", Short: "List the processes that live: gateways, apis and presence",
		Long: "Lists the gateways and their sockets, the apis, and the replicas of presence, one of which leads. With --json each is a line.",
		Args: takes(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			instances, err := s.Instances(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			return l.printInstances(instances)
		},
	}
}

func (l *line) printInstances(instances []client.Instance) error {
	var t table
	t.row("SERVICE", "ID", "VERSION", "ADDRESS", "SOCKETS", "LEADS", "STARTED", "RENEWED")
	for _, i := range instances {
		if l.json {
			if err := printJSON(l.Out, i); err != nil {
				return err
			}
			continue
		}
		sockets, leads := "-", "-"
		if i.Service == "gateway" {
			sockets = strconv.Itoa(i.Sessions)
		}
		if i.Leads {
			leads = "yes"
		}
		t.row(i.Service, i.ID, cmp.Or(i.Version, "-"), cmp.Or(i.Address, "-"), sockets, leads, clock(i.Started), cmp.Or(clock(i.Renewed), "-"))
	}
	if l.json {
		return nil
	}
	return t.print(l.Out)
}

package commands

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/settings"
)

func (l *line) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "info [CHANNEL...]", Short: "Tell who is where, and what a channel keeps",
		Long: "Lists the channels that somebody is in or that have settings. Of those that are named it tells who is there, their\n" +
			"settings, and the messages that they keep.",
		ValidArgsFunction: l.complete(channelNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			history := len(args) > 0
			info, err := s.InfoWith(cmd.Context(), client.InfoOptions{Channels: args, IncludeHistory: &history})
			if err != nil {
				return s.explain(err)
			}
			if len(args) > 0 {
				err = s.allKnown(cmd.Context(), info)
			}
			switch {
			case err != nil:
				return err
			case l.json:
				return printJSON(l.Out, info)
			case len(args) > 0:
				return l.printChannels(info, args)
			}
			return l.printOverview(info)
		},
	}
}

// allKnown is an error if one of the channels of an answer has nobody in it and no settings either.
func (s *server) allKnown(ctx context.Context, info *client.Info) error {
	var doubtful []string
	for name, channel := range info.Channels {
		if channel.TotalConnections == 0 {
			doubtful = append(doubtful, name)
		}
	}
	if len(doubtful) == 0 {
		return nil
	}
	known, err := s.channels(ctx)
	if err != nil {
		return s.explain(err)
	}
	slices.Sort(doubtful)
	for _, name := range doubtful {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown channel %q%s: nobody is in it, and it has no settings; channelstream info lists those that there are",
				name, settings.Suggestion(name, slices.Values(known)))
		}
	}
	return nil
}

// channels are the names of all channels.
func (s *server) channels(ctx context.Context) ([]string, error) {
	no := false
	info, err := s.InfoWith(ctx, client.InfoOptions{IncludeHistory: &no, IncludeUsers: &no})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(info.Channels)), nil
}

func (l *line) printOverview(info *client.Info) error {
	if len(info.Channels) > 0 {
		var t table
		t.row("CHANNEL", "CONNECTIONS", "USERS", "LAST ACTIVE", "SETTINGS")
		for _, name := range slices.Sorted(maps.Keys(info.Channels)) {
			c := info.Channels[name]
			t.row(name, strconv.Itoa(c.TotalConnections), strconv.Itoa(c.TotalUsers),
				cmp.Or(clock(c.LastActive), "-"), cmp.Or(strings.Join(inForce(c), " "), "-"))
		}
		if err := t.print(l.Out); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(l.Out, "%s, %s of %s, %s posted and %d delivered, up for %s\n",
		count(len(info.Channels), "channel", "channels"), count(info.TotalConnections, "connection", "connections"),
		count(info.UniqueUsers, "user", "users"), count(info.TotalUniqueMessages, "message", "messages"),
		info.TotalMessages, uptime(string(info.Uptime)))
	return err
}

// uptime is a number of seconds as a duration.
func uptime(seconds string) string {
	n, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return seconds
	}
	return (time.Duration(n) * time.Second).String()
}

// inForce are the settings that are not those of every channel.
func inForce(c client.Channel) (list []string) {
	s := c.Settings
	for _, setting := range []struct {
		name string
		on   bool
	}{
		{"store_history", s.StoreHistory},
		{"notify_presence", s.NotifyPresence},
		{"broadcast_presence_with_user_lists", s.BroadcastPresenceWithUserLists},
		{"notify_state", s.NotifyState},
	} {
		if setting.on {
			list = append(list, setting.name)
		}
	}
	if s.StoreHistory {
		list = append(list, "history_size="+strconv.Itoa(s.HistorySize))
	}
	if !s.StoreFrames {
		list = append(list, "store_frames=false")
	}
	return list
}

func (l *line) printChannels(info *client.Info, names []string) error {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		if i > 0 {
			if _, err := fmt.Fprintln(l.Out); err != nil {
				return err
			}
		}
		if err := l.printChannel(info.Channels[name]); err != nil {
			return err
		}
	}
	return nil
}

func (l *line) printChannel(c client.Channel) error {
	var t table
	t.row("channel", c.Name)
	if c.LongName != "" {
		t.row("long name", c.LongName)
	}
	t.row("connections", strconv.Itoa(c.TotalConnections))
	t.row("users", cmp.Or(strings.Join(c.Users, ", "), "-"))
	t.row("last active", cmp.Or(clock(c.LastActive), "-"))
	t.row("settings", cmp.Or(strings.Join(inForce(c), " "), "-"))
	kept := count(len(c.History), "message", "messages")
	if c.HistoryTruncated {
		kept += ", and older ones that found no room in the answer"
	}
	t.row("history", kept)
	if err := t.print(l.Out); err != nil {
		return err
	}
	return l.printHistory(c.History)
}

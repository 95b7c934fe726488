package commands

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/settings"
)

func (l *line) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config CHANNEL [KEY=VALUE...]", Short: "Show or change the settings of a channel",
		Long: "Shows the settings of a channel, or changes those that are named; KEY= sets one back to its default. It reads the settings and\n" +
			"writes them all: what another writes in between is lost.",
		Example:           "  channelstream config news\n  channelstream config news store_history=true history_size=50",
		Args:              takes(1, -1, "a channel, and the settings to change as KEY=VALUE"),
		ValidArgsFunction: l.completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := parseChanges(args[1:])
			if err != nil {
				return err
			}
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			channel, err := s.configure(cmd.Context(), args[0], changes)
			if err != nil {
				return err
			}
			return l.printConfig(channel)
		},
	}
}

// configure changes the settings of a channel, if there is anything to change, and gives them as they are then.
func (s *server) configure(ctx context.Context, name string, changes []change) (client.Channel, error) {
	no := false
	info, err := s.InfoWith(ctx, client.InfoOptions{Channels: []string{name}, IncludeHistory: &no})
	if err != nil {
		return client.Channel{}, s.explain(err)
	}
	if len(changes) == 0 {
		return info.Channels[name], s.allKnown(ctx, info)
	}
	config := info.Channels[name].Config()
	for _, change := range changes {
		change(&config)
	}
	answer, err := s.Configure(ctx, map[string]client.ChannelConfig{name: config})
	if err != nil {
		return client.Channel{}, s.explain(err)
	}
	return answer.Channels[name], nil
}

func (l *line) printConfig(c client.Channel) error {
	if l.json {
		return printJSON(l.Out, struct {
			Channel  string `json:"channel"`
			LongName string `json:"long_name"`
			client.ChannelSettings
		}{c.Name, c.LongName, c.Settings})
	}
	var t table
	t.row("SETTING", "VALUE", "WHAT IT DOES")
	for _, s := range channelSettings() {
		t.row(s.key, cmp.Or(s.show(c), "-"), s.doc)
	}
	return t.print(l.Out)
}

// change is what the command does to one setting.
type change func(*client.ChannelConfig)

// channelSetting is a setting of a channel, as the command line has it.
type channelSetting struct {
	key, doc string
	show     func(client.Channel) string
	parse    func(value string) (change, error) // of a value that is not empty
	reset    change                             // to the default
}

func channelSettings() []channelSetting {
	return []channelSetting{
		toggle("store_history", "keeps messages, which are shown as history", false,
			func(s *client.ChannelSettings) *bool { return &s.StoreHistory },
			func(c *client.ChannelConfig, on bool) { c.StoreHistory = on }),
		{
			key: "history_size", doc: "how many of them are shown; 0 for as many as a channel may keep",
			show: func(c client.Channel) string { return strconv.Itoa(c.Settings.HistorySize) },
			parse: func(value string) (change, error) {
				size, err := strconv.Atoi(value)
				if err != nil {
					return nil, usage("history_size: %q is no number of messages", value)
				}
				return func(c *client.ChannelConfig) { c.HistorySize = &size }, nil
			},
			reset: func(c *client.ChannelConfig) { c.HistorySize = nil },
		},
		toggle("store_frames", "keeps messages in the log for clients that come back", true,
			func(s *client.ChannelSettings) *bool { return &s.StoreFrames },
			func(c *client.ChannelConfig, on bool) { c.StoreFrames = &on }),
		toggle("notify_presence", "tells the channel who joined and who parted", false,
			func(s *client.ChannelSettings) *bool { return &s.NotifyPresence },
			func(c *client.ChannelConfig, on bool) { c.NotifyPresence = on }),
		toggle("broadcast_presence_with_user_lists", "adds the list of users to that", false,
			func(s *client.ChannelSettings) *bool { return &s.BroadcastPresenceWithUserLists },
			func(c *client.ChannelConfig, on bool) { c.BroadcastPresenceWithUserLists = on }),
		toggle("notify_state", "tells the channel of changes in the public state of its users", false,
			func(s *client.ChannelSettings) *bool { return &s.NotifyState },
			func(c *client.ChannelConfig, on bool) { c.NotifyState = on }),
		{
			key: "long_name", doc: "a name for people",
			show: func(c client.Channel) string { return c.LongName },
			parse: func(value string) (change, error) {
				return func(c *client.ChannelConfig) { c.LongName = value }, nil
			},
			reset: func(c *client.ChannelConfig) { c.LongName = "" },
		},
	}
}

// toggle is a setting that is on or off.
func toggle(key, doc string, initial bool, of func(*client.ChannelSettings) *bool, set func(*client.ChannelConfig, bool)) channelSetting {
	return channelSetting{
		key: key, doc: doc,
		show: func(c client.Channel) string { return strconv.FormatBool(*of(&c.Settings)) },
		parse: func(value string) (change, error) {
			if value != "true" && value != "false" {
				return nil, usage("%s: %q is neither true nor false", key, value)
			}
			return func(c *client.ChannelConfig) { set(c, value == "true") }, nil
		},
		reset: func(c *client.ChannelConfig) { set(c, initial) },
	}
}

// parseChanges reads KEY=VALUE.
func parseChanges(args []string) ([]change, error) {
	var changes []change
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		at := slices.IndexFunc(channelSettings(), func(s channelSetting) bool { return s.key == key })
		switch {
		case at < 0:
			return nil, usage("unknown setting %q%s: a channel has %s", key, settings.Suggestion(key, settingKeys()),
				strings.Join(slices.Collect(settingKeys()), ", "))
		case !found:
			return nil, usage("%s: write %s=VALUE, or %s= for the default", key, key, key)
		case value == "":
			changes = append(changes, channelSettings()[at].reset)
			continue
		}
		change, err := channelSettings()[at].parse(value)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func settingKeys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range channelSettings() {
			if !yield(s.key) {
				return
			}
		}
	}
}

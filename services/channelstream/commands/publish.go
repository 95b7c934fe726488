package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

// maxInput bounds what is read from the standard input; no server takes a larger message.
const maxInput = 64 << 20

func (l *line) publishCommand() *cobra.Command {
	var user string
	var to []string
	var text bool
	cmd := &cobra.Command{
		Use: "publish CHANNEL MESSAGE", Short: "Post a message to a channel",
		Long: "Posts a message to a channel. The message is a JSON object, or else a text; - reads it from the standard input.\n" +
			"With --to only these users get it: in the channel, or, where no channel is given, on all their connections.",
		Example: "  channelstream publish news '{\"text\": \"hello\"}'\n  channelstream publish --to alice 'only for you'\n  date | channelstream publish news -",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 || len(args) == 1 && len(to) > 0 {
				return nil
			}
			return usage("%s takes a channel and a message, or with --to a message alone", cmd.Name())
		},
		ValidArgsFunction: l.completeFirst(channelNames),
	}
	cmd.Flags().StringVar(&user, "user", "system", "`USER` whom the message is from")
	cmd.Flags().StringArrayVar(&to, "to", nil, "`USER` who gets it, and nobody else; may be given more than once")
	cmd.Flags().BoolVar(&text, "text", false, "the message is a text, also where it looks like JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		message, err := l.message(args[len(args)-1], text)
		if err != nil {
			return err
		}
		m := client.Message{User: user, PMUsers: to, Message: message}
		if len(args) == 2 {
			m.Channel = args[0]
		}
		s, err := l.dial(cmd.Context())
		if err != nil {
			return err
		}
		defer s.CloseIdleConnections()
		published, err := s.Publish(cmd.Context(), m)
		if err != nil {
			return s.explain(err)
		}
		return l.printPublished(published)
	}
	return cmd
}

func (l *line) printPublished(list []client.Published) error {
	for _, p := range list {
		if l.json {
			if err := printJSON(l.Out, p); err != nil {
				return err
			}
			continue
		}
		where := "to " + p.Channel
		if len(p.PMUsers) > 0 {
			where = "for " + strings.Join(p.PMUsers, ", ")
			if p.Channel != "" {
				where += " in " + p.Channel
			}
		}
		if _, err := fmt.Fprintf(l.Out, "published %s as %s, uuid %s\n", plain(where), plain(p.User), p.UUID); err != nil {
			return err
		}
	}
	return nil
}

// message is what the argument says: an object if it looks like one, or else a text.
func (l *line) message(argument string, text bool) (any, error) {
	if argument == "-" {
		input, err := io.ReadAll(io.LimitReader(l.In, maxInput+1))
		if err != nil {
			return nil, fmt.Errorf("read the message: %w", err)
		}
		if len(input) > maxInput {
			return nil, usage("the message has more than %d MiB", maxInput>>20)
		}
		argument = strings.TrimSuffix(strings.TrimSuffix(string(input), "\n"), "\r")
	}
	if text || !strings.HasPrefix(strings.TrimSpace(argument), "{") {
		return argument, nil
	}
	var object json.RawMessage
	if err := json.Unmarshal([]byte(argument), &object); err != nil {
		return nil, usage("the message begins as a JSON object and is none (%w): --text posts it as a text", err)
	}
	return object, nil
}

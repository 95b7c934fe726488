package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

func (l *line) explainCommand() *cobra.Command {
	var about client.Explain
	cmd := &cobra.Command{
		Use: "explain MESSAGE CONNECTION|USER [--channel CHANNEL]", Short: "Say why a client got a message, or did not",
		Long: "Says what became of a message, named by its uuid or offset, for the connection with this id, or else for all connections of the user\n" +
			"with this name: delivered, on its way, not for it, missed, or unknown, and the facts behind that. The log has a message for\n" +
			"two minutes (CHANNELSTREAM_RESUME_WINDOW). --channel makes it quick, and looks into the history of the channel, too.",
		Args: takes(2, 2, "a message, and one connection id or user name"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return l.complete(userNames)(cmd, args, begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			about.Message = args[0]
			explanation, err := s.whatBecame(cmd.Context(), about, args[1])
			if err != nil {
				return s.explain(err)
			}
			return l.printExplanation(explanation)
		},
	}
	cmd.Flags().StringVar(&about.Channel, "channel", "", "the `CHANNEL` of the message")
	if err := cmd.RegisterFlagCompletionFunc("channel", l.complete(channelNames)); err != nil {
		panic(err) // a flag that was not made above
	}
	return cmd
}

// whatBecame asks about the connection of this name, or else about the user.
func (s *server) whatBecame(ctx context.Context, about client.Explain, who string) (*client.Explanation, error) {
	about.ConnID = who
	answer, err := s.Explain(ctx, about)
	if err != nil || answer.Reason != "no_such_connection" {
		return answer, err
	}
	about.ConnID, about.User = "", who
	return s.Explain(ctx, about)
}

func (l *line) printExplanation(e *client.Explanation) error {
	if l.json {
		return printJSON(l.Out, e)
	}
	if err := l.printVerdict("", e.Verdict, e.Because, e.Facts); err != nil {
		return err
	}
	for _, c := range e.Connections {
		if err := l.printVerdict("\nconnection "+c.ConnID+": ", c.Verdict, c.Because, c.Facts); err != nil {
			return err
		}
	}
	return nil
}

// printVerdict prints a verdict, why it is that, and what is known, in the order in which it is told.
func (l *line) printVerdict(of string, verdict client.Verdict, because string, facts []client.Fact) error {
	_, err := fmt.Fprintf(l.Out, "%s%s: %s\n", of, strings.ReplaceAll(plain(string(verdict)), "_", " "), plain(because))
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var t table
	for _, f := range facts {
		t.row("  "+cmp.Or(clock(f.At), "-"), f.Fact)
	}
	return t.print(l.Out)
}

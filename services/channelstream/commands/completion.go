package commands

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

// completePatience is how long a shell waits for the names that a server knows.
const completePatience = 5 * time.Second

// bashWords makes the script for bash work where the package bash-completion is not there.
//
//go:embed assets/words.bash
var bashWords string

func completionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "completion bash|zsh", Short: "Print a script that completes commands in a shell",
		Long: "Prints a script for a shell, which completes commands, flags, and the names of channels and users that the server knows.\n\n" +
			"  bash   source <(channelstream completion bash)          in ~/.bashrc\n" +
			"  zsh    source <(channelstream completion zsh)           in ~/.zshrc, behind compinit",
		ValidArgs: []string{"bash", "zsh"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(cmd.ValidArgs, args[0]) {
				return usage("%s takes one shell: %s", cmd.Name(), strings.Join(cmd.ValidArgs, " or "))
			}
			return nil
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		out := cmd.OutOrStdout()
		if args[0] == "zsh" {
			return cmd.Root().GenZshCompletion(out)
		}
		if _, err := fmt.Fprintln(out, bashWords); err != nil {
			return err
		}
		return cmd.Root().GenBashCompletionV2(out, true)
	}
	return cmd
}

// mostNames is how many names a shell is offered.
const mostNames = 1000

// names are what a server knows that an argument may be, with what was typed of it somewhere in them.
type names func(ctx context.Context, s *server, typed string) iter.Seq2[string, error]

func channelNames(ctx context.Context, s *server, typed string) iter.Seq2[string, error] {
	return each(s.Channels(ctx, typed), func(c client.ListedChannel) string { return c.Name })
}

func userNames(ctx context.Context, s *server, typed string) iter.Seq2[string, error] {
	return each(s.Users(ctx, typed), func(u client.ListedUser) string { return u.User })
}

func each[T any](list iter.Seq2[T, error], name func(T) string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for entry, err := range list {
			if !yield(name(entry), err) {
				return
			}
		}
	}
}

// complete offers names for every argument that does not have its own yet. A server that does not answer offers none.
func (l *line) complete(of names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completePatience)
		defer cancel()
		s, err := l.dial(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer s.CloseIdleConnections()
		var fit []string
		for name, err := range of(ctx, s, begun) {
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			if strings.HasPrefix(name, begun) && !slices.Contains(args, name) && !strings.ContainsFunc(name, breaks) {
				fit = append(fit, name)
			}
			if len(fit) == mostNames {
				break
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// breaks says that a name with this rune can not be offered to a shell, one line each.
func breaks(r rune) bool { return r < ' ' || r == 0x7f }

// completeFirst offers names for the first argument only.
func (l *line) completeFirst(of names) cobra.CompletionFunc {
	offer := l.complete(of)
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offer(cmd, args, begun)
	}
}

// completeConfig offers a channel, and then the keys of settings.
func (l *line) completeConfig(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return l.complete(channelNames)(cmd, args, begun)
	}
	var keys []string
	for key := range settingKeys() {
		if strings.HasPrefix(key, begun) {
			keys = append(keys, key+"=")
		}
	}
	return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

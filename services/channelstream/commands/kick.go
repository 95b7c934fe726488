package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

// progressEvery is how often a command that takes long says how far it has come.
const progressEvery = time.Second

func (l *line) kickCommand() *cobra.Command {
	return &cobra.Command{
		Use: "kick CONNECTION|USER", Short: "End a connection, or all connections of a user",
		Long: "Ends the connection with this id, or else all connections of the user with this name: their sockets are closed, and they leave\n" +
			"their channels at once. It does not keep them out: who has a signature may come back. What a user may join is taken\n" +
			"away by the API (/unsubscribe).",
		Args:              takes(1, 1, "one connection id or user name"),
		ValidArgsFunction: l.completeFirst(userNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			ended, err := l.kick(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			return l.printKicked(args[0], ended)
		},
	}
}

// kicked is what the command has ended.
type kicked struct {
	User        string   `json:"user,omitempty"` // empty if a connection was named
	Connections []string `json:"connections"`
}

// kick ends the connection of this name, or else those of the user.
func (l *line) kick(ctx context.Context, s *server, who string) (kicked, error) {
	known, err := s.Disconnect(ctx, who)
	switch {
	case err != nil:
		return kicked{}, s.explain(err)
	case known:
		return kicked{Connections: []string{who}}, nil
	}
	ids, err := s.connectionsOf(ctx, who)
	if err != nil {
		return kicked{}, s.explain(err)
	}
	if len(ids) == 0 {
		return kicked{}, fmt.Errorf("there is no connection %q, and no user of that name is connected", who)
	}
	ended := kicked{User: who, Connections: []string{}}
	told := time.Now()
	for i, id := range ids {
		if _, err := s.Disconnect(ctx, id); err != nil { // false for one whose client was away: it is forgotten
			return kicked{}, fmt.Errorf("%d of %s ended, then: %w", i, count(len(ids), "connection", "connections"), s.explain(err))
		}
		ended.Connections = append(ended.Connections, id)
		if time.Since(told) > progressEvery {
			told = time.Now()
			l.note("%d of %s ended", i+1, count(len(ids), "connection", "connections"))
		}
	}
	return ended, nil
}

func (l *line) printKicked(who string, k kicked) error {
	if l.json {
		return printJSON(l.Out, k)
	}
	if k.User == "" {
		_, err := fmt.Fprintf(l.Out, "ended connection %s\n", plain(who))
		return err
	}
	_, err := fmt.Fprintf(l.Out, "ended %s of %s\n", count(len(k.Connections), "connection", "connections"), plain(who))
	return err
}

// connectionsOf are the ids of a user's connections, also of those whose clients are away and may come back.
func (s *server) connectionsOf(ctx context.Context, user string) (ids []string, err error) {
	for c, err := range s.Connections(ctx, client.ListConnections{User: user}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, c.ConnID)
	}
	return ids, nil
}

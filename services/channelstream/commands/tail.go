package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/client"
)

const (
	// leaveTime is how long the command may take to disconnect at its end.
	leaveTime = 5 * time.Second
	// enterPause is the time between two attempts to register a connection in place of one that was forgotten.
	enterPause = time.Second
)

func (l *line) tailCommand() *cobra.Command {
	return &cobra.Command{
		Use: "tail CHANNEL...", Short: "Print the messages of channels as they come",
		Long: "Listens to channels as a client does, as a user of its own, until Ctrl-C; then it disconnects. When the connection is lost it\n" +
			"comes back by itself, and goes on where it stopped. Times are UTC. With --json each line is what clients get.",
		Args:              takes(1, -1, "one channel or more"),
		ValidArgsFunction: l.complete(channelNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := l.dial(cmd.Context())
			if err != nil {
				return err
			}
			defer s.CloseIdleConnections()
			t := &tail{line: l, server: s, channels: args, user: "tail-" + strings.ToLower(rand.Text()[:8])}
			defer t.leave(cmd.Context())
			return t.run(cmd.Context())
		},
	}
}

// tail is one run of the command.
type tail struct {
	// set at construction
	*line
	server   *server
	channels []string
	user     string

	connID string // empty before it has entered
	away   bool   // it was told that there is no stream, and has not come back
}

// run listens until ctx ends, or whoever reads the output has gone.
func (t *tail) run(ctx context.Context) error {
	if err := t.enter(ctx); err != nil {
		return t.server.explain(err)
	}
	t.note("listening to %s as %s; Ctrl-C ends it", strings.Join(t.channels, ", "), t.user)
	since := ""
	for {
		stopped, err := t.server.Listen(ctx, client.Listen{ConnID: t.connID, Since: since, Heard: t.heard, Opened: t.opened, Lost: t.lost})
		var fault *client.Error
		switch {
		case ctx.Err() != nil, errors.Is(err, syscall.EPIPE):
			return nil
		case errors.Is(err, client.ErrClosed):
			return fmt.Errorf("somebody has ended this connection at the server (%w)", err)
		case !errors.As(err, &fault):
			return t.server.explain(err)
		case fault.Status == http.StatusNotFound:
			return fmt.Errorf("%s gives no streams of events: tail needs sse among CHANNELSTREAM_TRANSPORTS of the server (%w)", t.server.url, fault)
		case fault.Status != http.StatusUnprocessableEntity:
			return t.server.refused(fault)
		}
		since = stopped
		if !t.again(ctx) {
			return nil
		}
	}
}

// enter registers a connection in the channels.
func (t *tail) enter(ctx context.Context) error {
	no := false
	conn, err := t.server.Connect(ctx, client.Connect{
		User: t.user, Channels: t.channels, Info: &client.InfoOptions{IncludeHistory: &no, IncludeUsers: &no},
	})
	if err == nil {
		t.connID = conn.ConnID
	}
	return err
}

// again registers another connection, since the server has forgotten the first. It is false if ctx ends meanwhile.
func (t *tail) again(ctx context.Context) bool {
	t.note("the server has forgotten the connection: making another")
	for {
		select {
		case <-time.After(enterPause):
		case <-ctx.Done():
			return false
		}
		err := t.enter(ctx)
		if err == nil {
			return true
		}
		t.lost(err, enterPause)
	}
}

// leave ends the connection, so that the user is not there any more, and the channels are told so at once.
func (t *tail) leave(ctx context.Context) {
	if t.connID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if _, err := t.server.Disconnect(ctx, t.connID); err != nil {
		t.note("the connection could not be ended, and will be forgotten soon: %v", t.server.explain(err))
	}
}

// note tells who watches what happens; it is not part of the output.
func (l *line) note(format string, args ...any) {
	fmt.Fprintln(l.ErrOut, plain(fmt.Sprintf(format, args...))) //nolint:errcheck // nobody left to tell
}

func (t *tail) lost(cause error, pause time.Duration) {
	t.away = true
	t.note("no stream (%v): trying again in %v", cause, pause.Round(100*time.Millisecond))
}

func (t *tail) opened() {
	if t.away {
		t.away = false
		t.note("listening again")
	}
}

func (t *tail) heard(m client.Received) error {
	if m.Type == "missed" {
		t.note("some messages were missed: the server does not have them any more")
	}
	if t.json {
		return printJSON(t.Out, m.Raw)
	}
	if m.Type == "missed" {
		return nil
	}
	return t.printMessage(m)
}

// printMessage prints one line. Columns fit names of common length: what comes next is not known.
func (l *line) printMessage(m client.Received) error {
	text := content(m.Message)
	switch m.Type {
	case "message":
	case "message:edit":
		text = "(edited " + m.UUID + ") " + text
	case "message:delete":
		text = "(taken back " + m.UUID + ")"
	default:
		text = "(" + m.Type + ") " + content(m.Raw)
	}
	_, err := fmt.Fprintf(l.Out, "%-19s  %-12s  %-12s  %s\n", plain(clock(m.Timestamp)), plain(cmp.Or(m.Channel, "-")), plain(cmp.Or(m.User, "-")), plain(text))
	return err
}

// printHistory prints what a channel keeps, in the same form.
func (l *line) printHistory(history []json.RawMessage) error {
	for _, raw := range history {
		m := client.Received{Raw: raw}
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("decode a message: %w", err)
		}
		if err := l.printMessage(m); err != nil {
			return err
		}
	}
	return nil
}

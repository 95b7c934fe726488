// Package commands tells what an operator sees who asks a running server from a terminal.
package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/services/channelstream/commands"
	"github.com/channelstream/channelstream/tests/harness"
)

// asProgram makes the binary of these tests the program itself, which shells call to complete a line.
const asProgram = "CHANNELSTREAM_TESTED_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, asProgram+"=") })
		p := commands.Program{Version: "1.2.3", Environ: environ, In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
		os.Exit(p.Main(context.Background(), os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// system runs the all-in-one, in which connections that nobody opens stay longer than any test takes.
func system(t *testing.T, options ...harness.Option) *harness.System {
	t.Helper()
	return harness.AllInOne(t, append(options, harness.Setting("CONNECT_TIMEOUT", "5m"))...)
}

// terminal is where an operator types, with the environment of the server.
type terminal struct {
	environ []string
	in      string // what is piped into commands
}

// at is a terminal with the configuration of a system, which it finds by its public URL.
func at(s *harness.System) terminal {
	return terminal{environ: []string{harness.Setting("SECRET", s.Secret), harness.Setting("PUBLIC_URL", s.URL)}}
}

// outcome is how a command ended.
type outcome struct {
	code        int
	out, errOut string
}

func (term terminal) run(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, errOut bytes.Buffer
	p := commands.Program{Version: "1.2.3", Environ: term.environ, In: strings.NewReader(term.in), Out: &out, ErrOut: &errOut}
	code := p.Main(t.Context(), args)
	return outcome{code, out.String(), errOut.String()}
}

// does runs a command that is to succeed, and gives its output. What it notes meanwhile, as how far it has come, is another matter.
func (term terminal) does(t *testing.T, args ...string) string {
	t.Helper()
	o := term.run(t, args...)
	if o.code != 0 {
		t.Fatalf("channelstream %q ended with %d: %s", args, o.code, o.errOut)
	}
	return o.out
}

// fails runs a command that is to fail, with this code and with all of these words in its error.
func (term terminal) fails(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	o := term.run(t, args...)
	if o.code != code {
		t.Errorf("channelstream %q ended with %d, not %d: %s", args, o.code, code, o.errOut)
	}
	for _, word := range words {
		if !strings.Contains(o.errOut, word) {
			t.Errorf("channelstream %q said %q, without %q", args, o.errOut, word)
		}
	}
	if o.out != "" {
		t.Errorf("channelstream %q failed, and printed %q", args, o.out)
	}
}

// screen is what a command that goes on has written. It is safe for use by many goroutines.
type screen struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows waits for words.
func (s *screen) shows(t *testing.T, words string) {
	t.Helper()
	harness.Eventually(t, "the screen shows "+words, func() bool { return strings.Contains(s.String(), words) })
}

// going is a command that goes on until it is interrupted.
type going struct {
	out, notes screen
	interrupt  context.CancelFunc
	ended      chan int // gets the exit code
}

// begins starts such a command, which is interrupted at the end of the test if not before.
func (term terminal) begins(t *testing.T, args ...string) *going {
	t.Helper()
	return term.beginsInto(t, nil, args...)
}

// beginsInto starts it with another output than its screen.
func (term terminal) beginsInto(t *testing.T, out io.Writer, args ...string) *going {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g := &going{interrupt: cancel, ended: make(chan int, 1)}
	p := commands.Program{Version: "1.2.3", Environ: term.environ, Out: out, ErrOut: &g.notes}
	if out == nil {
		p.Out = &g.out
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.ended <- p.Main(ctx, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("channelstream %q printed:\n%sand noted:\n%s", args, &g.out, &g.notes)
		}
	})
	return g
}

// tails starts channelstream tail, and waits until it hears what is posted.
func (term terminal) tails(t *testing.T, args ...string) *going {
	t.Helper()
	g := term.begins(t, append([]string{"tail"}, args...)...)
	g.notes.shows(t, "listening to ")
	return g
}

// end waits for the exit code.
func (g *going) end(t *testing.T, want int) {
	t.Helper()
	if code := <-g.ended; code != want {
		t.Errorf("it ended with %d, not %d: %s", code, want, &g.notes)
	}
}

// tailing is the connection of the one user who listens.
func tailing(t *testing.T, s *harness.System) (found []client.ListedConnection) {
	t.Helper()
	for c, err := range s.Client.Connections(t.Context(), client.ListConnections{}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.User, "tail-") {
			found = append(found, c)
		}
	}
	return found
}

// in registers a connection of a user.
func in(t *testing.T, s *harness.System, user string, channels ...string) (connID string) {
	t.Helper()
	conn, err := s.Client.Connect(t.Context(), client.Connect{User: user, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	return conn.ConnID
}

// posts publishes a text.
func posts(t *testing.T, s *harness.System, channel, text string) {
	t.Helper()
	if _, err := s.Client.Publish(t.Context(), client.Message{User: "app", Channel: channel, Message: text}); err != nil {
		t.Fatal(err)
	}
}

// decoded reads a line of JSON.
func decoded[T any](t *testing.T, line string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	return v
}

// columns are the words of each line.
func columns(text string) (lines [][]string) {
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

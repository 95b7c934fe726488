package commands

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/netfault"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestWhatIsPublishedInOneTerminalIsReadInAnother(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	people, machine := term.tails(t, "news", "sport"), term.tails(t, "--json", "news")
	term.does(t, "publish", "news", "hello out there")
	term.does(t, "publish", "sport", "--user", "alice", `{"goals": [1, 12345678901234567890]}`)
	piped := term
	piped.in = "from a pipe\n"
	piped.does(t, "publish", "news", "-")
	term.does(t, "publish", "news", "--text", "{not an object")

	people.out.shows(t, "{not an object")
	var said []string
	for line := range strings.Lines(people.out.String()) {
		said = append(said, strings.Join(strings.Fields(line)[2:], " ")) // behind the date and the time
	}
	want := []string{"news system hello out there", `sport alice {"goals":[1,12345678901234567890]}`, "news system from a pipe", "news system {not an object"}
	for _, line := range want {
		if !strings.Contains("\n"+strings.Join(said, "\n")+"\n", "\n"+line+"\n") {
			t.Errorf("it printed %q, without %q", said, line)
		}
	}
	if len(said) != len(want) {
		t.Errorf("it printed %q", said)
	}

	machine.out.shows(t, "{not an object")
	for line := range strings.Lines(machine.out.String()) {
		if m := decoded[client.Received](t, line); m.Type != "message" || m.Channel != "news" || m.UUID == "" {
			t.Errorf("it printed %s", line)
		}
	}
}

func TestATailThatIsInterruptedLeavesAtOnce(t *testing.T) {
	t.Parallel()
	s := system(t)
	tail := at(s).tails(t, "news")
	if there := tailing(t, s); len(there) != 1 {
		t.Fatalf("there are the connections %+v", there)
	}
	tail.interrupt()
	tail.end(t, 0)
	if there := tailing(t, s); len(there) != 0 {
		t.Errorf("there are still %+v", there)
	}
}

// As by channelstream tail news | head -1.
func TestATailWhoseReaderHasGoneLeaves(t *testing.T) {
	t.Parallel()
	s := system(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() }) //nolint:errcheck // only written to
	tail := at(s).beginsInto(t, writer, "tail", "news")
	tail.notes.shows(t, "listening to ")
	posts(t, s, "news", "first")
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err = errors.Join(err, reader.Close()); err != nil || !strings.HasSuffix(line, "first\n") {
		t.Fatalf("it printed %q: %v", line, err)
	}
	posts(t, s, "news", "second")
	tail.end(t, 0)
	if there := tailing(t, s); len(there) != 0 {
		t.Errorf("there are still %+v", there)
	}
}

func TestATailGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := system(t)
	road := netfault.NewRoad(t, strings.TrimPrefix(s.URL, "http://"))
	tail := at(s).tails(t, "news", "--url", "http://"+road.Addr())
	posts(t, s, "news", "first")
	tail.out.shows(t, "first")
	road.Refuse()
	tail.notes.shows(t, "trying again in")
	posts(t, s, "news", "second")
	road.Unblock()
	tail.notes.shows(t, "listening again")
	posts(t, s, "news", "third")
	tail.out.shows(t, "third")
	heardOnce(t, tail, "first", "second", "third")
}

// heardOnce says that these texts were printed, each once and in this order.
func heardOnce(t *testing.T, tail *going, texts ...string) {
	t.Helper()
	lines := columns(tail.out.String())
	if len(lines) != len(texts) {
		t.Fatalf("it printed %q", lines)
	}
	for i, text := range texts {
		if line := lines[i]; line[len(line)-1] != text {
			t.Errorf("line %d is %q, not %s", i, line, text)
		}
	}
}

func TestATailThatWasForgottenEntersAgain(t *testing.T) {
	t.Parallel()
	s := system(t)
	road := netfault.NewRoad(t, strings.TrimPrefix(s.URL, "http://"))
	tail := at(s).tails(t, "news", "--url", "http://"+road.Addr())
	posts(t, s, "news", "first")
	tail.out.shows(t, "first")
	road.Refuse()
	tail.notes.shows(t, "trying again in")
	for _, c := range tailing(t, s) {
		if _, err := s.Client.Disconnect(t.Context(), c.ConnID); err != nil {
			t.Fatal(err)
		}
	}
	posts(t, s, "news", "second")
	road.Unblock()
	tail.notes.shows(t, "the server has forgotten the connection")
	tail.out.shows(t, "second")
	heardOnce(t, tail, "first", "second")
}

func TestATailThatIsKickedSaysSo(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	tail := term.tails(t, "news")
	harness.Eventually(t, "the tail's stream is open", func() bool {
		there := tailing(t, s)
		return len(there) == 1 && there[0].State == "attached"
	})
	term.does(t, "kick", tailing(t, s)[0].User)
	tail.end(t, 1)
	tail.notes.shows(t, "channelstream: somebody has ended this connection")
}

// Whoever may post could otherwise clear the screen of who reads, or type for them.
func TestNothingThatIsPostedDoesAnythingToTheTerminal(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	people, machine := term.tails(t, "news"), term.tails(t, "news", "--json")
	const evil = "\x1b[2J\u009b2J\u202e\U000e0001\x7fend"
	posts(t, s, "news", evil)
	if _, err := s.Client.Publish(t.Context(), client.Message{User: evil, Channel: "news", Message: map[string]string{"key": evil}}); err == nil {
		t.Error("a user's name may have control characters now: print it too")
	}
	if _, err := s.Client.Publish(t.Context(), client.Message{User: "bidi\u202e", Channel: "news", Message: map[string]string{"key": evil}}); err != nil {
		t.Fatal(err)
	}
	people.out.shows(t, `{"key":`)
	machine.out.shows(t, `{"key":`)
	for _, printed := range []string{people.out.String(), machine.out.String()} {
		if strings.ContainsAny(printed, "\x1b\u009b\u202e\U000e0001\x7f") {
			t.Errorf("it printed %q", printed)
		}
	}
	if !strings.Contains(people.out.String(), `\x1b[2J\u009b2J\u202e\U000e0001\x7fend`) {
		t.Errorf("it printed %s", &people.out)
	}
	first, _, _ := strings.Cut(machine.out.String(), "\n")
	if m := decoded[client.Received](t, first); decoded[string](t, string(m.Message)) != evil {
		t.Errorf("it printed %s", first)
	}
}

func TestAnEditAndADeletionAreTold(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	tail := term.tails(t, "news")
	published := decoded[client.Published](t, term.does(t, "publish", "--json", "news", "helo"))
	tail.out.shows(t, " helo\n")
	if _, err := s.Client.EditMessages(t.Context(), client.Edit{UUID: published.UUID, Channel: "news", Message: "hello"}); err != nil {
		t.Fatal(err)
	}
	tail.out.shows(t, "(edited "+published.UUID+") hello\n")
	if err := s.Client.DeleteMessages(t.Context(), client.Deletion{UUID: published.UUID, Channel: "news"}); err != nil {
		t.Fatal(err)
	}
	tail.out.shows(t, "(taken back "+published.UUID+")\n")
}

func TestATailNeedsStreamsOfEvents(t *testing.T) {
	t.Parallel()
	s := system(t, harness.Setting("TRANSPORTS", "websocket"))
	tail := at(s).tails(t, "news")
	tail.end(t, 1)
	tail.notes.shows(t, "tail needs sse among CHANNELSTREAM_TRANSPORTS")
	if there := tailing(t, s); len(there) != 0 {
		t.Errorf("there are still %+v", there)
	}
}

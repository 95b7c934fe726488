package commands

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestAMessageIsExplainedForAConnectionAndForAUser(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	tail := term.tails(t, "news")
	listens := tailing(t, s)[0]
	in(t, s, "alice", "sport")
	published := decoded[client.Published](t, term.does(t, "publish", "--json", "news", "hello"))
	tail.out.shows(t, "hello")
	for _, who := range []string{listens.ConnID, listens.User} {
		harness.Eventually(t, "it is known to have come", func() bool {
			return strings.HasPrefix(term.does(t, "explain", published.UUID, who, "--channel", "news"), "delivered: ")
		})
	}
	shown := term.does(t, "explain", published.UUID, listens.User)
	for _, words := range []string{"\nconnection " + listens.ConnID + ": delivered: ", "It was accepted, and stored in the log", "It was for all in the channel."} {
		if !strings.Contains(shown, words) {
			t.Errorf("it is explained by %s\nwithout %q", shown, words)
		}
	}
	if shown := term.does(t, "explain", published.UUID, "alice"); !strings.HasPrefix(shown, "not for it: ") {
		t.Errorf("to who is elsewhere it is explained by %s", shown)
	}
	e := decoded[client.Explanation](t, term.does(t, "explain", "--json", published.UUID, "nobody"))
	if e.Verdict != client.Unknown && e.Verdict != client.NotForIt || e.Because == "" {
		t.Errorf("for nobody it is explained by %+v", e)
	}
	tail.interrupt()
	tail.end(t, 0)
}

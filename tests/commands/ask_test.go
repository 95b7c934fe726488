package commands

import (
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestAMessageForOneUserReachesNobodyElse(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	alice, bob := hears(t, s, "alice", "news"), hears(t, s, "bob", "news")
	if said := term.does(t, "publish", "--to", "alice", "news", "for alice, in news"); !strings.HasPrefix(said, "published for alice in news as system, uuid ") {
		t.Errorf("it said %q", said)
	}
	if said := term.does(t, "publish", "--to", "alice", "--to", "carol", "for alice, anywhere"); !strings.HasPrefix(said, "published for alice, carol as system, uuid ") {
		t.Errorf("it said %q", said)
	}
	if said := term.does(t, "publish", "news", "for all"); !strings.HasPrefix(said, "published to news as system, uuid ") {
		t.Errorf("it said %q", said)
	}
	alice.shows(t, "for alice, in news\nfor alice, anywhere\nfor all\n")
	bob.shows(t, "for all\n")
	if heard := bob.String(); heard != "for all\n" {
		t.Errorf("bob heard %q", heard)
	}
}

// hears listens as a user by the Go client until the end of the test, and writes down the texts.
func hears(t *testing.T, s *harness.System, user string, channels ...string) *screen {
	t.Helper()
	heard, ended := &screen{}, make(chan struct{})
	connID := in(t, s, user, channels...)
	go func() {
		defer close(ended)
		_, _ = s.Client.Listen(t.Context(), client.Listen{ConnID: connID, Heard: func(m client.Received) error {
			_, err := heard.Write([]byte(strings.Trim(string(m.Message), `"`) + "\n"))
			return err
		}})
	}()
	t.Cleanup(func() { <-ended }) // with the test's context
	return heard
}

func TestInfoTellsWhoIsWhereAndWhatAChannelKeeps(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	term.does(t, "config", "news", "store_history=true", "long_name=The news")
	in(t, s, "alice", "news", "sport")
	in(t, s, "bob", "news")
	posts(t, s, "news", "kept")

	lines := columns(term.does(t, "info"))
	if len(lines) != 4 || lines[0][0] != "CHANNEL" || !slices.Equal(lines[1][:3], []string{"news", "2", "2"}) ||
		!slices.Equal(lines[2][:3], []string{"sport", "1", "1"}) || !strings.HasPrefix(strings.Join(lines[3], " "), "2 channels, 2 connections of 2 users, ") {
		t.Errorf("info printed %q", lines)
	}
	one := term.does(t, "info", "news")
	for _, words := range []string{"long name    The news\n", "connections  2\n", "users        alice, bob\n", "settings     store_history history_size=10\n", "history      1 message\n", "kept\n"} {
		if !strings.Contains(one, words) {
			t.Errorf("info news printed\n%swithout %q", one, words)
		}
	}
	info := decoded[client.Info](t, term.does(t, "info", "--json", "news", "sport"))
	if len(info.Channels) != 2 || info.Channels["news"].TotalUsers != 2 || len(info.Channels["news"].History) != 1 {
		t.Errorf("info --json printed %+v", info)
	}
	term.fails(t, 1, []string{`unknown channel "mews", did you mean news?`, "channelstream info"}, "info", "sport", "mews")
}

func TestConnectionsAreListedByUserAndChannel(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	if o := term.run(t, "connections"); o.code != 0 || o.out != "" || o.errOut != "no connections\n" {
		t.Errorf("of a server without clients it said %+v", o)
	}
	first, second := in(t, s, "alice", "news", "sport"), in(t, s, "bob", "news")
	all := columns(term.does(t, "connections"))
	if len(all) != 3 || all[0][0] != "CONNECTION" {
		t.Errorf("connections printed %q", all)
	}
	sport := columns(term.does(t, "connections", "--channel", "sport"))
	if len(sport) != 2 || !slices.Equal(sport[1][:5], []string{first, "alice", "pending", "-", "-"}) || !slices.Equal(sport[1][7:], []string{"news,", "sport"}) {
		t.Errorf("connections in sport printed %q", sport)
	}
	if bobs := decoded[client.ListedConnection](t, term.does(t, "connections", "--json", "--user", "bob")); bobs.ConnID != second || bobs.State != "pending" {
		t.Errorf("connections of bob printed %+v", bobs)
	}
	term.fails(t, 1, []string{`no user "carol" is connected`}, "connections", "--user", "carol")
	term.fails(t, 1, []string{`nobody is in a channel "chess"`, "channelstream info"}, "connections", "--channel", "chess")
	term.fails(t, 1, []string{`no connection of user "bob" is in channel "sport"`}, "connections", "--channel", "sport", "--user", "bob")
}

func TestGatewaysAreListedWithTheirSockets(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	lines := columns(term.does(t, "gateways"))
	var services []string
	for _, line := range lines {
		services = append(services, line[0])
	}
	if !slices.Equal(services, []string{"SERVICE", "api", "gateway", "presence"}) {
		t.Errorf("gateways printed %q", lines)
	}
	term.tails(t, "news")
	harness.Eventually(t, "the gateway says that it has a socket", func() bool {
		for line := range strings.Lines(term.does(t, "gateways", "--json")) {
			if i := decoded[client.Instance](t, line); i.Service == "gateway" && i.Sessions == 1 {
				return true
			}
		}
		return false
	})
}

func TestAUserIsKickedFromAllConnections(t *testing.T) {
	t.Parallel()
	s := system(t)
	term := at(s)
	in(t, s, "alice", "news")
	in(t, s, "alice", "sport")
	bobs := in(t, s, "bob", "news")
	if said := term.does(t, "kick", "alice"); said != "ended 2 connections of alice\n" {
		t.Errorf("it said %q", said)
	}
	term.fails(t, 1, []string{`no connection "alice", and no user of that name`}, "kick", "alice")
	if said := term.does(t, "kick", "--json", bobs); said != `{"connections":["`+bobs+`"]}`+"\n" {
		t.Errorf("it said %q", said)
	}
	term.fails(t, 1, []string{`no user "bob" is connected`}, "connections", "--user", "bob")
}

func TestOneSettingIsChangedAndTheOthersStay(t *testing.T) {
	t.Parallel()
	term := at(system(t))
	term.fails(t, 1, []string{`unknown channel "news"`}, "config", "news")
	term.does(t, "config", "news", "store_history=true", "history_size=50", "store_frames=false", "long_name=The = news")
	shown := term.does(t, "config", "news", "notify_presence=true", "history_size=")
	if again := term.does(t, "config", "news"); again != shown {
		t.Errorf("it showed\n%sand then\n%s", shown, again)
	}
	got := map[string]string{}
	for _, line := range columns(shown) {
		got[line[0]] = line[1]
	}
	for key, want := range map[string]string{
		"store_history": "true", "history_size": "10", "store_frames": "false", "notify_presence": "true", "notify_state": "false",
		"broadcast_presence_with_user_lists": "false", "long_name": "The",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, not %q", key, got[key], want)
		}
	}
	if shown = term.does(t, "config", "--json", "news", "store_frames=", "long_name="); !strings.Contains(shown, `"long_name":"","notify_presence":true,`) || !strings.Contains(shown, `"store_frames":true`) {
		t.Errorf("it showed %s", shown)
	}
	term.fails(t, 2, []string{`unknown setting "store_histroy", did you mean store_history?`}, "config", "news", "store_histroy=true")
	term.fails(t, 2, []string{`store_history: "yes" is neither true nor false`}, "config", "news", "store_history=yes")
	term.fails(t, 2, []string{`history_size: "many" is no number`}, "config", "news", "history_size=many")
	term.fails(t, 2, []string{"write store_history=VALUE"}, "config", "news", "store_history")
	term.fails(t, 1, []string{"news.history_size: "}, "config", "news", "history_size=-1")
}

package commands

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

// asking are the commands that ask a server, each with arguments that it takes.
func asking() [][]string {
	return [][]string{
		{"publish", "news", "hello"}, {"tail", "news"}, {"info"}, {"info", "news"}, {"connections"}, {"gateways"}, {"kick", "alice"},
		{"config", "news"}, {"config", "news", "store_history=true"},
		{"explain", "7e6af00a-93a1-4b52-9f5c-7d5e9a1a30d5", "alice"},
	}
}

func TestEveryCommandSaysWhenNoServerAnswers(t *testing.T) {
	t.Parallel()
	term := terminal{environ: []string{harness.Setting("SECRET", "some"), harness.Setting("PORT", "1")}}
	for _, args := range asking() {
		term.fails(t, 1, []string{"channelstream: no server answers at http://127.0.0.1:1: start it, or say with --url where it is"}, args...)
	}
}

func TestEveryCommandSaysWhenTheSecretIsWrong(t *testing.T) {
	t.Parallel()
	term := at(system(t))
	term.environ[0] = harness.Setting("SECRET", "another")
	for _, args := range asking() {
		term.fails(t, 1, []string{"does not take this secret", "CHANNELSTREAM_SECRET"}, args...)
	}
}

func TestAServerThatTakesNobodyFromHereSaysWhatToChange(t *testing.T) {
	t.Parallel()
	term := at(system(t, harness.Setting("ALLOW_POSTING_FROM", "192.0.2.1")))
	term.fails(t, 1, []string{"CHANNELSTREAM_ALLOW_POSTING_FROM"}, "publish", "news", "hello")
}

func TestAServerThatWantsTLSSaysSo(t *testing.T) {
	t.Parallel()
	term := at(system(t, harness.Setting("ENFORCE_HTTPS", "true")))
	term.fails(t, 1, []string{"takes requests over TLS only"}, "info")
}

func TestAServerBelowAPathIsFound(t *testing.T) {
	t.Parallel()
	s := system(t, harness.Setting("BASE_PATH", "/push"))
	term := at(s)
	term.fails(t, 1, []string{"has no such path", "--url takes the path too"}, "gateways")
	term.environ = append(term.environ, harness.Setting("BASE_PATH", "/push"))
	term.does(t, "gateways")
	term.does(t, "gateways", "--url", s.URL+"/push/")
}

func TestWhatIsNoChannelstreamIsToldFromOne(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/info" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Write([]byte("<html>welcome</html>")) //nolint:errcheck // the client looks at it
	}))
	t.Cleanup(other.Close)
	term := terminal{environ: []string{harness.Setting("SECRET", "some")}}
	term.fails(t, 1, []string{"is no Channelstream, or a proxy before it"}, "info", "--url", other.URL)
	term.fails(t, 1, []string{"ask " + other.URL, "decode answer of /message"}, "publish", "news", "hello", "--url", other.URL)
}

func TestFieldsThatTheServerRefusesAreNamed(t *testing.T) {
	t.Parallel()
	term := at(system(t))
	term.fails(t, 1, []string{"channelstream: channel: ", "channelstream: user: "}, "publish", strings.Repeat("c", 300), "hello", "--user", strings.Repeat("u", 600))
	term.fails(t, 1, []string{"channels.0: "}, "tail", strings.Repeat("c", 300))
}

func TestWrongArgumentsAreRefusedBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	term := terminal{environ: []string{harness.Setting("SECRET", "some"), harness.Setting("PORT", "1"), harness.Setting("DATA_DIR", t.TempDir())}}
	for words, args := range map[string][]string{
		`unknown command "publsh", did you mean publish?; channelstream help lists them`: {"publsh", "news", "hello"},
		`unknown command "tial", did you mean tail?`:                                     {"help", "tial"},
		"publish takes a channel and a message":                                          {"publish", "news"},
		"begins as a JSON object and is none":                                            {"publish", "news", "{text: hello}"},
		"tail takes one channel or more":                                                 {"tail"},
		"kick takes one connection id or user name":                                      {"kick"},
		"explain takes a message, and one connection id or user name":                    {"explain", "x"},
		"config takes a channel":                                                         {"config"},
		"connections takes no arguments, but --user and --channel":                       {"connections", "alice"},
		"gateways takes none":                                                            {"gateways", "all"},
		"serve takes none":                                                               {"serve", "now"},
		"sign takes one path or user name":                                               {"sign"},
		"healthcheck takes one URL at most":                                              {"healthcheck", "a", "b"},
		"completion takes one shell: bash or zsh":                                        {"completion", "fish"},
		"unknown flag: --loud":                                                           {"info", "--loud"},
		"--url: parse base url":                                                          {"info", "--url", "127.0.0.1:8000"},
		"read configuration":                                                             {"info", "--config", "none.ini"},
	} {
		term.fails(t, 2, []string{"channelstream: ", words}, args...)
	}
	term.environ = term.environ[1:]
	term.fails(t, 2, []string{"CHANNELSTREAM_SECRET: not set", "run this in the folder where the server runs"}, "info")
	term.environ = append(term.environ, "CHANNELSTREAM_LINGER=x")
	term.fails(t, 2, []string{"CHANNELSTREAM_LINGER: "}, "info")
}

package commands

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// Scripts and units of operators go on as they are.
func TestTheCommandsAndFlagsOfBeforeWork(t *testing.T) {
	t.Parallel()
	ini := filepath.Join(t.TempDir(), "c.ini")
	if err := os.WriteFile(ini, []byte("[app:main]\nsecret = from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--config", ini, "sign", "/message"}, {"sign", "/message", "--config=" + ini}, {"-config", ini, "sign", "/message"}, {"sign", "-config=" + ini, "/message"},
		{"--ini", ini, "sign", "/message"}, {"-ini=" + ini, "sign", "/message"}, {"-i", ini, "sign", "/message"}, {"--i", ini, "sign", "/message"}, {"-i=" + ini, "sign", "/message"}, {"sign", "-i", ini, "/message"},
	} {
		header := strings.TrimSuffix(terminal{}.does(t, args...), "\n")
		_, seconds, _ := strings.Cut(header, ".")
		made, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil || header != signature.Sign("from the file", "/message", time.Unix(made, 0)) {
			t.Errorf("channelstream %q printed %q", args, header)
		}
	}
	broken := terminal{environ: []string{harness.Setting("PORT", "x")}}
	for _, args := range [][]string{{"version"}, {"--version"}, {"-version"}, {"-v"}, {"--v"}, {"sign", "--version"}, {"-v", "serve"}} {
		if said := broken.does(t, args...); !strings.HasPrefix(said, "channelstream 1.2.3 go") {
			t.Errorf("channelstream %q printed %q", args, said)
		}
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {"-help"}, {"-h"}} {
		said := broken.does(t, args...)
		for _, words := range []string{"Usage:", "publish", "healthcheck", "-i, --ini", "--config", "(CHANNELSTREAM_...) wins over the ini file"} {
			if !strings.Contains(said, words) {
				t.Errorf("channelstream %q printed\n%swithout %q", args, said, words)
			}
		}
	}
	for _, args := range [][]string{{}, {"serve"}} {
		broken.fails(t, 2, []string{`CHANNELSTREAM_PORT: "x"`}, args...)
	}
}

func TestAServerRunsWithoutACommandAndIsHealthy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	term := terminal{environ: []string{
		harness.Setting("PORT", "0"), harness.Setting("DATA_DIR", dir), harness.Setting("LOG_FORMAT", "json"), harness.Setting("DRAIN_WINDOW", "0s"), harness.Setting("DEMO", "false"),
	}}
	running := term.begins(t)
	running.notes.shows(t, `"msg":"listening"`)
	_, rest, _ := strings.Cut(running.notes.String(), `"msg":"listening"`)
	_, rest, _ = strings.Cut(rest, `"address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	harness.Eventually(t, "it is healthy", func() bool { return term.run(t, "healthcheck", "http://"+address+"/readyz").code == 0 })
	if said := term.does(t, "publish", "news", "hello", "--url", "http://"+address); !strings.HasPrefix(said, "published to news") { // with the secret that it has made
		t.Errorf("it said %q", said)
	}
	running.interrupt()
	running.end(t, 0)
	term.fails(t, 1, []string{"check health"}, "healthcheck", "http://"+address+"/readyz")
}

func TestEveryArgumentIsCompletedByWhatItMayBe(t *testing.T) {
	t.Parallel()
	s := system(t)
	in(t, s, "alice", "news", "sport")
	in(t, s, "natalie", "newts")
	term := at(s)
	for line, want := range map[string]string{
		"co":                              "completion config connections",
		"help ta":                         "tail",
		"completion ":                     "bash zsh",
		"info --js":                       "--json",
		"publish n":                       "news newts",
		"publish news n":                  "",
		"tail news n":                     "newts",
		"info ":                           "news newts sport",
		"kick al":                         "alice",
		"explain 1 al":                    "alice",
		"connections --channel sp":        "sport",
		"connections --user=":             "alice natalie",
		"config news store_":              "store_frames= store_history=",
		"config sp":                       "sport",
		"sign ":                           "",
		"gateways ":                       "",
		"info --url http://127.0.0.1:1 n": "", // nobody answers
	} {
		offer := term.run(t, append([]string{"__completeNoDesc"}, strings.Split(line, " ")...)...)
		lines := strings.Fields(offer.out)
		names := lines[:len(lines)-1] // the last says what is to be done with them
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want || offer.code != 0 {
			t.Errorf("%q is completed by %q, not %q", line, got, want)
		}
	}
}

// A shell without the package bash-completion has to do.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	s := system(t)
	in(t, s, "alice", "news", "sport", "two words")
	bash := newBash(t, at(s))
	for line, want := range map[string][]string{
		"channelstream pub":                  {"publish"},
		"channelstream tail news ":           {"sport", "two words"},
		"channelstream tail tw":              {`two\ words`},
		"channelstream connections --user=a": {"alice"},
	} {
		harness.Eventually(t, line+" is completed", func() bool { // a shell is offered nothing by a server that takes long
			got := bash.completes(t, line)
			if len(got) > 0 && !slices.Equal(got, want) {
				t.Errorf("%q is completed by %q, not %q", line, got, want)
			}
			return len(got) > 0
		})
	}
}

// bash is a shell in which channelstream is the binary of these tests.
type bash struct {
	environ []string
	script  string
}

func newBash(t *testing.T, term terminal) *bash {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "channelstream")); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "completion.bash")
	if err := os.WriteFile(script, []byte(terminal{}.does(t, "completion", "bash")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", "-n", script).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("bash does not take the script: %v\n%s", err, out)
	}
	return &bash{environ: append([]string{asProgram + "=yes", "PATH=" + dir + ":" + os.Getenv("PATH")}, term.environ...), script: script}
}

// completes gives what bash offers behind a line, sorted as it sorts: what it parts words at is in COMP_WORDBREAKS.
func (b *bash) completes(t *testing.T, line string) []string {
	t.Helper()
	const ask = `source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_WORDS=()
rest=$2
while [[ $rest =~ ^\ *([=:]+|[^\ =:]+)(.*)$ ]]; do COMP_WORDS+=("${BASH_REMATCH[1]}"); rest=${BASH_REMATCH[2]}; done
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
__start_channelstream 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}" | sed 's/ *(.*//; s/ *$//; /^$/d' | sort`
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "-c", ask, "bash", b.script, line)
	cmd.Env = b.environ
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil || errOut.Len() > 0 {
		t.Fatalf("complete %q: %v\n%s", line, err, &errOut)
	}
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestZshGetsAScriptForThisProgram(t *testing.T) {
	t.Parallel()
	script := terminal{}.does(t, "completion", "zsh")
	if !strings.HasPrefix(script, "#compdef channelstream\n") || !strings.Contains(script, "\ncompdef _channelstream channelstream\n") {
		t.Errorf("it begins %.100q", script)
	}
}

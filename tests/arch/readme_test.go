package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/settings"
)

// The table in the README is the one that the code would write.
func TestREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	page := read(t, "README.md")
	var table strings.Builder
	for _, key := range settings.Reference() {
		initial := "–"
		if key.Default != "" {
			initial = "`" + key.Default + "`"
		}
		table.WriteString("| `" + key.Env + "` | " + initial + " | " + key.Doc + " |\n")
	}
	const head = "| key | default | what it is |\n|---|---|---|\n"
	_, rest, _ := strings.Cut(page, head)
	got, _, _ := strings.Cut(rest, "\n\n")
	if want := strings.TrimSuffix(table.String(), "\n"); got != want {
		t.Errorf("the configuration table of README.md should read:\n%s%s", head, table.String())
	}
}

// A link to a file that has moved is worse than none.
func TestDocumentsLinkToFilesThatExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob(root + "/docs/adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append(pages, decisions...), root+"/README.md", root+"/CONTRIBUTING.md", root+"/CHANGELOG.md")
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
		}
		for _, found := range link.FindAllSubmatch(content, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(found[1]))); err != nil {
				t.Errorf("%s links to %s: %v", page, found[1], err)
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

package compat

import (
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strings"
	"testing"
)

// chosen says whether a cell is played. Of all there are too many for each change: some are half of the clients' cases, each on one
// road.
func (c *cell) chosen() bool {
	if impossible(c) != "" || !regexp.MustCompile(*only).MatchString(c.String()) {
		return false
	}
	if *extent == "all" || *only != "" {
		return true
	}
	hash := fnv.New32a()
	fmt.Fprint(hash, c.kind.client, c.kind.transport, c.play.name) //nolint:errcheck // a hash takes all
	on := map[uint32]string{0: directly, 1: throughRobin}
	return on[hash.Sum32()%4] == c.road.name
}

const (
	page    = "../../docs/clients.md"
	opening = "<!-- The table is written by make compat. -->\n"
	closing = "<!-- The end of the table. -->\n"
)

// keep compares the table of the page with what was played, or writes it.
func keep(t *testing.T, cells []*cell) {
	t.Helper()
	if *only != "" {
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), opening)
	kept, after, ends := strings.Cut(rest, closing)
	if !found || !ends {
		t.Fatalf("%s has no place for the table", page)
	}
	if *update {
		if *extent != "all" {
			t.Fatal("the table is that of all cells: -compat=all")
		}
		if err := os.WriteFile(page, []byte(before+opening+table(cells)+closing+after), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
		return
	}
	for _, c := range cells {
		c.played, c.err = true, nil // what failed has been reported
	}
	if want := table(cells); kept != want {
		t.Errorf("%s does not say what all cells should: make compat. It should be\n%s", page, want)
	}
}

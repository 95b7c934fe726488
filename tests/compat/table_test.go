package compat

import (
	"fmt"
	"slices"
	"strings"
)

// impossible says why a cell can not be played; empty if it can.
func impossible(c *cell) (why string) {
	switch {
	case c.play.name == thePage && !c.kind.script:
		return "The page is written for Socket.IO's own client."
	case c.kind.transport == "JSONP" && losesItsTransport(c.play):
		return "When its transport closes, this client fails with an error of its own, " +
			"`jsonp polling iframe removal error`, and does not come back from any server."
	}
	return ""
}

// losesItsTransport says whether a case ends the client's transport. A short silence none notices.
func losesItsTransport(play testCase) bool {
	return play.refused || play.away != "" || play.length > 0 && !(play.silent && play.length < drawnOut)
}

// Reservations about cells that are played.
const (
	lossy = "All that is posted to it once the gateway knows of the drop arrives. What a proxy had taken for the client is lost: only " +
		"a client that hands back its offset can tell."
	byApp = "The app does it: the client says nothing."
)

// losesWhatIsOnItsWay says that messages may be lost between the network's failure and the gateway's noticing it: a client
// without an offset can not tell, and whoever ends its TCP connection has acknowledged them to the gateway.
func losesWhatIsOnItsWay(c *cell) bool {
	return !c.kind.offset && c.road.name == throughRobin && (c.play.silent || c.play.length > 0 && c.play.length < drawnOut)
}

// reservation says what a cell that passes does not show; empty if it shows what its column says.
func reservation(c *cell) string {
	switch {
	case losesWhatIsOnItsWay(c):
		return lossy
	case !c.kind.speaks && slices.Contains([]string{"join", "leave"}, c.play.name):
		return byApp
	}
	return ""
}

// mark is what the table says of a cell.
func (c *cell) mark(note func(string) string) string {
	switch why := impossible(c); {
	case why != "":
		return "—" + note(why)
	case !c.played:
		return "?"
	case c.err != nil:
		return "✗"
	}
	return "✓" + note(reservation(c))
}

// table writes what came of cells: a row for each client and transport, a column for each case, and in each field what came of it on
// each road, once if that is the same.
func table(cells []*cell) string {
	b := &strings.Builder{}
	columns := []string{"client", "transport"}
	for _, c := range cases() {
		columns = append(columns, c.name)
	}
	line := func(fields []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(fields, " | ")) }
	line(columns)
	line(slices.Repeat([]string{"---"}, len(columns)))
	var notes []string
	note := func(text string) string {
		if text == "" {
			return ""
		}
		at := slices.Index(notes, text)
		if at < 0 {
			notes, at = append(notes, text), len(notes)
		}
		return fmt.Sprintf("<sup>%d</sup>", at+1)
	}
	for _, k := range kinds() {
		fields := []string{k.client, k.transport}
		for _, p := range cases() {
			var marks []string
			for _, c := range cells {
				if c.kind.is(k) && c.play.name == p.name {
					marks = append(marks, c.mark(note))
				}
			}
			fields = append(fields, strings.Join(slices.Compact(marks), " "))
		}
		line(fields)
	}
	b.WriteByte('\n')
	for i, text := range notes {
		fmt.Fprintf(b, "%d. %s\n", i+1, text)
	}
	return b.String()
}

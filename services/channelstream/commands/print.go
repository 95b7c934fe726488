package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
)

// printJSON writes an answer as one line, in which nothing does anything to a terminal: see plain.
func printJSON(w io.Writer, answer any) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	var b strings.Builder
	for _, r := range line.String() {
		if r < 0x7f || unicode.IsPrint(r) { // of ASCII, the encoder escapes all but DEL
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) { // outside of ASCII there are only texts
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// table collects rows and prints them in aligned columns.
type table struct {
	rows bytes.Buffer
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			t.rows.WriteByte('\t')
		}
		t.rows.WriteString(plain(cell))
	}
	t.rows.WriteByte('\n')
}

func (t *table) print(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := t.rows.WriteTo(columns); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// plain is text that does nothing to a terminal: whoever may post could otherwise clear the screen of who reads, or type
// for them (ECMA-48 control sequences).
func plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// content is a message for people: a text as it is, anything else as JSON in one line.
func content(message json.RawMessage) string {
	var text string
	if json.Unmarshal(message, &text) == nil && len(message) > 0 && message[0] == '"' {
		return text
	}
	var compact bytes.Buffer
	if json.Compact(&compact, message) != nil {
		return string(message)
	}
	return compact.String()
}

// clock is a timestamp of the API for people, to the second.
func clock(timestamp string) string {
	const seconds = len("2006-01-02T15:04:05")
	if len(timestamp) < seconds {
		return timestamp
	}
	return strings.Replace(timestamp[:seconds], "T", " ", 1)
}

// count is a number and what it is a number of.
func count[N int | int64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

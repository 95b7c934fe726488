// Package report writes the benchmark's figures as one Markdown table, each beside its ratio to the two contestants that
// the others are measured by.
package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Table has a row for each figure and a column for each contestant.
type Table struct {
	Contestants []string
	References  []Reference
	rows        []row
}

// A Reference is a contestant that the others' figures are divided by, and the letter that marks the ratio.
type Reference struct {
	Contestant string
	Mark       string
}

type row struct {
	work, figure string
	values       map[string]float64
}

// Add enters a figure of a work, with the median of its runs by contestant. A contestant without one is left out of the map.
func (t *Table) Add(work, figure string, values map[string]float64) {
	t.rows = append(t.rows, row{work: work, figure: figure, values: values})
}

// Value returns a figure that was entered.
func (t *Table) Value(work, figure, contestant string) (value float64, known bool) {
	for _, r := range t.rows {
		if r.work == work && r.figure == figure {
			value, known = r.values[contestant]
		}
	}
	return value, known
}

// Write writes the table.
func (t *Table) Write(w io.Writer) error {
	lines := [][]string{append([]string{"work", "figure"}, t.Contestants...)}
	last := ""
	for _, r := range t.rows {
		line := []string{r.work, r.figure}
		if r.work == last {
			line[0] = ""
		}
		last = r.work
		for _, contestant := range t.Contestants {
			line = append(line, t.cell(r, contestant))
		}
		lines = append(lines, line)
	}
	return writeMarkdown(w, lines)
}

func (t *Table) cell(r row, contestant string) string {
	value, known := r.values[contestant]
	if !known || math.IsNaN(value) {
		return "–"
	}
	text := Number(value)
	for _, reference := range t.References {
		base, known := r.values[reference.Contestant]
		if known && base != 0 && reference.Contestant != contestant {
			text += " · " + Number(value/base) + " " + reference.Mark
		}
	}
	return text
}

func writeMarkdown(w io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
	}
	for _, line := range slices.Insert(lines, 1, rule) {
		padded := make([]string, len(line))
		for i, cell := range line {
			padded[i] = cell + strings.Repeat(" ", widths[i]-len([]rune(cell)))
		}
		if _, err := fmt.Fprintln(w, "| "+strings.Join(padded, " | ")+" |"); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}

// Number writes a value with three significant digits, whole above a hundred, thousands apart.
func Number(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(value))))
	scale := math.Pow10(digits)
	rounded := math.Round(value*scale) / scale
	if digits > 0 {
		return strconv.FormatFloat(rounded, 'f', digits, 64)
	}
	text := strconv.FormatFloat(math.Abs(rounded), 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	if rounded < 0 {
		text = "-" + text
	}
	return text
}

// Median is the middle of the values, the mean of the two middle ones of an even number; NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

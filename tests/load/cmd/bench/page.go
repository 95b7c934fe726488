package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
	"github.com/channelstream/channelstream/tests/load/report"
)

// table makes the medians of all runs a table.
func (s *session) table(doing []work, measured []contestant.Contestant) *report.Table {
	t := &report.Table{References: []report.Reference{
		{Contestant: contestant.Floor, Mark: "F"}, {Contestant: contestant.SocketIO, Mark: "S"}, {Contestant: contestant.Before, Mark: "B"},
	}}
	for _, c := range measured {
		t.Contestants = append(t.Contestants, c.Name)
	}
	for _, w := range doing {
		for _, f := range w.figures {
			values := make(map[string]float64)
			for name, results := range s.results[w.name] {
				values[name] = summary(f, results)
			}
			t.Add(w.name, f.name, values)
		}
	}
	for _, p := range proportions {
		values := make(map[string]float64)
		for _, c := range measured {
			numerator, known := t.Value(p.numerator, p.figure, c.Name)
			divisor, also := t.Value(p.divisor, p.figure, c.Name)
			if known && also {
				values[c.Name] = numerator / divisor
			}
		}
		if len(values) > 0 {
			t.Add(p.work, p.name, values)
		}
	}
	return t
}

// summary is the median of the rounds, but of faults their sum: one bad round of three is not a good result.
func summary(f figure, results []generator.Result) float64 {
	var values []float64
	sum := 0.0
	for _, r := range results {
		values = append(values, f.of(r))
		sum += f.of(r)
	}
	if f.name == faults.name {
		return sum
	}
	if m := report.Median(values); !math.IsInf(m, 0) {
		return m
	}
	return math.NaN()
}

// The marks between which the page is ours. What stands outside of them is written by hand and kept.
const (
	pageBegin = "<!-- written by make bench: begin -->\n"
	pageEnd   = "<!-- written by make bench: end -->\n"
)

// writePage writes date, machine, versions and the table into the page.
func (s *session) writePage(ctx context.Context, t *report.Table, doing []work, measured []contestant.Contestant) error {
	var b bytes.Buffer
	b.WriteString(pageBegin)
	fmt.Fprintf(&b, "Measured on %s with `make bench`, medians of %d round(s) in turns; generator and server on one machine, over loopback.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), s.options.rounds)
	for _, line := range report.Machine(ctx, s.programs.Versions(measured)) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- load average before the start: %s\n", s.before)
	b.WriteString("\nContestants:\n\n")
	for _, c := range measured {
		fmt.Fprintf(&b, "- **%s**: %s\n", c.Name, c.About)
	}
	b.WriteString("\nWorks:\n\n")
	for _, w := range doing {
		fmt.Fprintf(&b, "- **%s**: %s\n", w.name, w.about)
	}
	b.WriteString("\nBeside each figure stand its ratios to the floor (F), to Socket.IO (S) and to before (B). Latency is from the moment the request is\n" +
		"written to the moment the generator reads the message. Faults are the sum of all rounds and must be zero.\n\n")
	if err := t.Write(&b); err != nil {
		return err
	}
	b.WriteString(pageEnd)
	old, err := os.ReadFile(s.options.page)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read page: %w", err)
	}
	if err := os.WriteFile(s.options.page, replaceOwn(old, b.Bytes()), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// replaceOwn puts section in place of the one that page has, or makes a new page of it.
func replaceOwn(page, section []byte) []byte {
	before, rest, begun := bytes.Cut(page, []byte(pageBegin))
	_, after, ended := bytes.Cut(rest, []byte(pageEnd))
	if !begun || !ended {
		return append([]byte("# Benchmarks\n\n"), section...)
	}
	return bytes.Join([][]byte{before, section, after}, nil)
}

//go:build !race

package compat

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Clients have to keep up with heartbeats of a second: `make clients` plays cells alone, and without the race detector.
func TestEveryClientByEveryWayInEveryCase(t *testing.T) {
	all := plan()
	cells := slices.DeleteFunc(slices.Clone(all), func(c *cell) bool { return !c.chosen() })
	stage := startStage(t, cells)
	for _, c := range cells {
		c.stage, c.t, c.played = stage, t, true
	}
	playAll(slices.DeleteFunc(slices.Clone(cells), func(c *cell) bool { return c.play.away != "" }))
	for _, away := range []string{"presence", "NATS"} {
		playThroughOutage(stage, away, slices.DeleteFunc(slices.Clone(cells), func(c *cell) bool { return c.play.away != away }))
	}
	t.Logf("%d of %d cells in %v", len(cells), len(all), time.Since(stage.began).Round(time.Second))
	for _, c := range cells {
		t.Run(c.String(), func(t *testing.T) {
			if c.err != nil {
				t.Error(c.err)
			}
		})
	}
	fmt.Print(table(all))
	keep(t, all)
}

//go:build race

package property

// defaultRuns is less with the race detector, which makes every story several times as long.
const defaultRuns = 300

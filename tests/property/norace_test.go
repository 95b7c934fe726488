//go:build !race

package property

const defaultRuns = 1500

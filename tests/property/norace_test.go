//go:build !race

package property

const defaultRuns = 3000

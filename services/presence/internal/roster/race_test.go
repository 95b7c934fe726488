//go:build race

package roster

// many is less with the race detector, which makes each step several times as long.
const many = 10_000

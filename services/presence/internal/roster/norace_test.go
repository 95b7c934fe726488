//go:build !race

package roster

const many = 100_000

package settings

import (
	"iter"
	"slices"
)

// Suggestion names what a mistyped name most likely meant, as the end of a sentence; nothing if that is not clear.
func Suggestion(name string, known iter.Seq[string]) string {
	const near = 2
	if len(name) > 64 {
		return ""
	}
	best, least := "", near+1
	for _, candidate := range slices.Sorted(known) {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// distance is the number of bytes to insert, delete or replace between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

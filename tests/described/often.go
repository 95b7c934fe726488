package described

import (
	"sync"
	"sync/atomic"
)

// often bounds what judging costs a suite that sends much of one kind: all of the first are judged, and then one of many.
type often struct {
	seen sync.Map // by kind: *atomic.Int64
}

const (
	// mostOfAKind is how many of one kind are all judged: more than any suite sends that is not about load.
	mostOfAKind = 2000
	// thenOneOf is how many of a kind are judged after that: one of so many.
	thenOneOf = 50
)

func (o *often) isDue(kind string) bool {
	counter, found := o.seen.Load(kind)
	if !found {
		counter, _ = o.seen.LoadOrStore(kind, new(atomic.Int64))
	}
	count, _ := counter.(*atomic.Int64)
	n := count.Add(1)
	return n <= mostOfAKind || n%thenOneOf == 0
}

package roster

import (
	"iter"
	"time"
)

// ages are keys by the second since which they wait, so that the few that have waited for long are found without a look
// at the many that have not.
type ages struct {
	seconds map[int64]set
	keys    int
}

func newAges() *ages { return &ages{seconds: map[int64]set{}} }

func (a *ages) add(key string, since time.Time) {
	second := since.Unix()
	if a.seconds[second] == nil {
		a.seconds[second] = set{}
	}
	a.seconds[second][key] = struct{}{}
	a.keys++
}

// remove takes a key away that was added with that moment.
func (a *ages) remove(key string, since time.Time) {
	second := since.Unix()
	delete(a.seconds[second], key)
	if len(a.seconds[second]) == 0 {
		delete(a.seconds, second)
	}
	a.keys--
}

// until gives the keys that wait since the second of a moment or an earlier one.
func (a *ages) until(moment time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		for second, keys := range a.seconds {
			if second > moment.Unix() {
				continue
			}
			for key := range keys {
				if !yield(key) {
					return
				}
			}
		}
	}
}

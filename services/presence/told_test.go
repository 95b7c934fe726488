package presence

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLogIsToldOnceOfEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := newTold(time.Minute)
		for i := range 3 {
			if first := told.begins("a", time.Now()); first != (i == 0) {
				t.Errorf("told of a at turn %d: %v", i, first)
			}
			time.Sleep(50 * time.Second)
		}
		if !told.begins("b", time.Now()) {
			t.Error("not told of b")
		}
		time.Sleep(time.Minute)
		if !told.begins("a", time.Now()) {
			t.Error("not told of a that was away")
		}
		if len(told.met) != 1 {
			t.Errorf("what went is remembered: %v", told.met)
		}
	})
}

package fold_test

import (
	"math"
	"testing"

	"github.com/channelstream/channelstream/shared/fold"
)

func TestAnEditIsOfTheMessageWithItsUUIDAndAudienceOrElseTheFirstWithItsUUID(t *testing.T) {
	t.Parallel()
	var targets fold.Targets
	want := func(uuid, audience string, edit uint64, place uint64, found bool) {
		t.Helper()
		if got, is := targets.Find(uuid, audience, edit); got != place || is != found {
			t.Errorf("%s for %q before %d: %d, %t; want %d, %t", uuid, audience, edit, got, is, place, found)
		}
	}
	want("u", "", math.MaxUint64, 0, false)
	targets.Add("u", "", 3)
	targets.Add("v", "", 4)
	targets.Add("u", "a", 5)
	targets.Add("u", "", 6)
	targets.Add("u", "b", 7)
	targets.Add("u", "a", 8)
	for audience, place := range map[string]uint64{"": 3, "a": 5, "b": 7, "c": 3} {
		want("u", audience, math.MaxUint64, place, true)
	}
	want("u", "b", 7, 3, true) // it is not there yet
	want("u", "", 3, 0, false)
	want("w", "", 9, 0, false)
	targets.Remove("u")
	want("u", "a", 9, 0, false)
	want("v", "a", 9, 4, true)
	targets.Add("u", "a", 9)
	want("u", "", 10, 9, true)
	targets.Clear()
	want("v", "", 10, 0, false)
}

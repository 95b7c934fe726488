package feed

import (
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

func TestATapeThatIsAlwaysInUseDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	tape := newTape(0)
	for n := range uint64(3 * longTape) {
		tape.add(bus.LogEntry{Sequence: n + 1}, n+1)
		if len(tape.recorded) > longTape || tape.bytes != len(tape.recorded)*size(bus.LogEntry{}) {
			t.Fatalf("%d messages of %d bytes are on it", len(tape.recorded), tape.bytes)
		}
		if tape.from+1 != tape.recorded[0].Sequence {
			t.Fatalf("it begins behind %d with %d", tape.from, tape.recorded[0].Sequence)
		}
	}
	tape.pins = 1
	for n := range uint64(longTape) {
		tape.add(bus.LogEntry{Sequence: 3*longTape + n + 1}, n)
	}
	if last := len(tape.recorded); last < longTape {
		t.Errorf("what somebody needs was taken off: %d are left", last)
	}
}

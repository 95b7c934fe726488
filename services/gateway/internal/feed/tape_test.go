package feed

import (
	"sync/atomic"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

func TestATapeThatIsAlwaysInUseDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	var held atomic.Int64
	tape := newTape("c", 0, defaultTapeBytes, &held)
	for n := range uint64(3 * longTape) {
		tape.add(bus.LogMessage{Sequence: n + 1}, n+1)
		if len(tape.recorded) > longTape || tape.bytes != len(tape.recorded)*size(bus.LogMessage{}) || held.Load() != int64(tape.bytes) {
			t.Fatalf("%d messages of %d bytes are on it", len(tape.recorded), tape.bytes)
		}
		if tape.from+1 != tape.recorded[0].Sequence {
			t.Fatalf("it begins behind %d with %d", tape.from, tape.recorded[0].Sequence)
		}
	}
	reader := &Past{places: []place{{given: 3 * longTape}}}
	reader.sent.Store(3 * longTape)
	tape.readers[reader] = 0
	for n := range uint64(2 * longTape) {
		tape.add(bus.LogMessage{Sequence: 3*longTape + n + 1}, n)
	}
	if last := len(tape.recorded); last < 2*longTape {
		t.Errorf("what somebody needs was taken off: %d are left", last)
	}
	reader.sent.Store(5 * longTape)
	reader.places[0].given = 5 * longTape
	for n := range uint64(2 * longTape) {
		tape.add(bus.LogMessage{Sequence: 5*longTape + n + 1}, n)
	}
	if last := len(tape.recorded); last > 4*longTape {
		t.Errorf("what nobody needs was kept: %d are left", last)
	}
}

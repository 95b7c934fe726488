package generator

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestScanMarksFindsEveryMarkInOrder(t *testing.T) {
	t.Parallel()
	want := []mark{
		{lane: 0, channel: 0, sequence: 0, sent: 0},
		{lane: 31, channel: 999, sequence: 12345, sent: 987654321},
		{lane: 0xffff, channel: math.MaxUint32, sequence: math.MaxUint32, sent: math.MaxInt64},
	}
	frame := []byte(`[`)
	for _, m := range want {
		frame = append(frame, `{"uuid":"x","message":"`...)
		frame = appendPayload(frame, m, 128)
		frame = append(frame, `"},`...)
	}
	if got := scanMarks(nil, frame); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPayloadHasItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{MinPayload, 128, 2048} {
		if got := len(appendPayload(nil, mark{}, size)); got != size {
			t.Errorf("got %d bytes, want %d", got, size)
		}
	}
}

func TestScanMarksPassesOverWhatIsNone(t *testing.T) {
	t.Parallel()
	whole := appendPayload(nil, mark{sequence: 7}, MinPayload)
	for _, payload := range []string{
		"", "[]", markPrefix, string(whole[:len(whole)-1]),
		markPrefix + "zz" + string(whole[len(markPrefix)+2:]),
	} {
		if got := scanMarks(nil, []byte(payload)); len(got) != 0 {
			t.Errorf("%q: got %v", payload, got)
		}
	}
	if got := scanMarks(nil, append([]byte(markPrefix), whole...)); len(got) != 1 || got[0].sequence != 7 {
		t.Errorf("a mark behind a broken one: got %v", got)
	}
}

func TestMarkCacheReturnsThePayloadsOwnMarks(t *testing.T) {
	t.Parallel()
	var c markCache
	for round := range 3 {
		for i := range 2 * uint32(len(c.entries)) {
			payload := appendPayload([]byte("["), mark{sequence: i}, 64)
			if got, _ := c.marks(payload, false); len(got) != 1 || got[0].sequence != i {
				t.Fatalf("round %d: got %v, want sequence %d", round, got, i)
			}
		}
	}
}

func FuzzScanMarks(f *testing.F) {
	f.Add(appendPayload(nil, mark{lane: 1, channel: 2, sequence: 3, sent: 4}, 128))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, m := range scanMarks(nil, payload) {
			if again := scanMarks(nil, appendPayload(nil, m, MinPayload)); len(again) != 1 || again[0] != m {
				t.Fatalf("got %v, want %v", again, m)
			}
		}
	})
}

func BenchmarkMarkCache(b *testing.B) {
	for _, messages := range []int{1, 16} {
		var payload []byte
		for i := range messages {
			payload = appendPayload(payload, mark{sequence: uint32(i)}, 128)
		}
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			var c markCache
			for b.Loop() {
				c.marks(payload, false)
			}
		})
	}
}

package generator

import "testing"

// take enters (lane, sequence) pairs for channel 5 and returns the ledger.
func take(arrivals ...[2]uint32) *ledger {
	l := newLedger(5, 4)
	for _, a := range arrivals {
		l.record(mark{lane: a[0], channel: 5, sequence: a[1]})
	}
	return &l
}

// sent says how many messages each lane sent.
func sent(counts ...uint32) func(uint32) uint32 {
	return func(lane uint32) uint32 {
		if int(lane) < len(counts) {
			return counts[lane]
		}
		return 0
	}
}

func TestLedgerCountsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrivals [][2]uint32
		sent     []uint32
		want     Faults
	}{
		"all in order":           {[][2]uint32{{0, 0}, {0, 1}, {1, 0}, {0, 2}, {1, 1}}, []uint32{3, 2}, Faults{}},
		"nothing sent":           {nil, nil, Faults{}},
		"all lost":               {nil, []uint32{2, 1}, Faults{Lost: 3}},
		"lost at the end":        {[][2]uint32{{0, 0}}, []uint32{3}, Faults{Lost: 2}},
		"lost at the beginning":  {[][2]uint32{{0, 2}}, []uint32{3}, Faults{Lost: 2}},
		"lost in between":        {[][2]uint32{{0, 0}, {0, 2}}, []uint32{3}, Faults{Lost: 1}},
		"twice":                  {[][2]uint32{{0, 0}, {0, 0}, {0, 1}}, []uint32{2}, Faults{Duplicates: 1}},
		"swapped":                {[][2]uint32{{0, 1}, {0, 0}}, []uint32{2}, Faults{Reordered: 1}},
		"late and then again":    {[][2]uint32{{0, 1}, {0, 0}, {0, 0}}, []uint32{2}, Faults{Reordered: 1, Duplicates: 1}},
		"one late, one lost":     {[][2]uint32{{0, 2}, {0, 1}}, []uint32{3}, Faults{Reordered: 1, Lost: 1}},
		"lanes do not mix":       {[][2]uint32{{1, 0}, {0, 0}, {1, 1}}, []uint32{1, 2}, Faults{}},
		"a lane nobody can name": {[][2]uint32{{9, 0}}, nil, Faults{Misrouted: 1}},
	} {
		if got := take(c.arrivals...).close(sent(c.sent...)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestLedgerCountsMessagesOfOtherChannels(t *testing.T) {
	t.Parallel()
	l := newLedger(5, 1)
	if l.record(mark{channel: 6}) {
		t.Error("taken")
	}
	if got := l.close(sent()); got != (Faults{Misrouted: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestLedgerTakesEachMessageOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(0, 1)
	for i, want := range []bool{true, false, true, true, false} {
		sequence := []uint32{0, 0, 2, 1, 1}[i]
		if got := l.record(mark{sequence: sequence}); got != want {
			t.Errorf("arrival %d: got %v, want %v", i, got, want)
		}
	}
}

func TestOrderTellsWhetherSocketsAgree(t *testing.T) {
	t.Parallel()
	one := take([2]uint32{0, 0}, [2]uint32{1, 0}, [2]uint32{0, 1})
	same := take([2]uint32{0, 0}, [2]uint32{1, 0}, [2]uint32{0, 1})
	other := take([2]uint32{1, 0}, [2]uint32{0, 0}, [2]uint32{0, 1}) // each lane in order, the lanes otherwise
	if one.order != same.order {
		t.Error("the same order has two hashes")
	}
	if one.order == other.order {
		t.Error("two orders have one hash")
	}
}

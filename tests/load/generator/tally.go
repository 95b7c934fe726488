package generator

import "time"

// A tally is what some sockets got. It is owned by whoever reads them.
type tally struct {
	*board
	cache   markCache
	latency histogram
	inside  int64   // deliveries within the measured time
	done    []int64 // by lane, deliveries not yet told to the board
	touched []int   // lanes whose done is not zero
}

func newTally(b *board) *tally { return &tally{board: b, done: make([]int64, len(b.lanes))} }

// count enters the messages that came in a frame at a time.
func (t *tally) count(s *socket, payload []byte, now, from, to int64) {
	marks, offset := t.cache.marks(payload, t.offsets)
	if offset > 0 {
		s.offset = offset
	}
	for _, m := range marks {
		if !s.ledger.record(m) {
			continue
		}
		if now >= from && now < to {
			t.inside++
		}
		if m.sent >= from && m.sent < to {
			t.latency.record(time.Duration(now - m.sent))
		}
		if t.done[m.lane] == 0 {
			t.touched = append(t.touched, int(m.lane))
		}
		t.done[m.lane]++
	}
}

// tell passes on what was delivered since the last time: one atomic addition per lane, not per delivery.
func (t *tally) tell() {
	var sum int64
	for _, l := range t.touched {
		n := t.done[l]
		t.done[l] = 0
		sum += n
		if t.lanes[l].outstanding.Add(-n) == 0 && t.delivered != nil {
			t.delivered(l)
		}
	}
	t.touched = t.touched[:0]
	t.fresh.Add(sum)
}

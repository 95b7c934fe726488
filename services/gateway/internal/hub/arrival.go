package hub

// What a client was sent may be lost on the way. So when its member ends, the client is said to have come as far as its host
// has acknowledged. Acknowledgements count bytes, and clients come back to offsets: marks say which is which.
//
//	bytes sent  ──── acknowledged ────┬───── perhaps under way ─────►
//	                                  │        ▲        ▲        ▲
//	                            arrival.offset  marks, one for each write
//
// Nothing is asked for a write. The outlet is asked at the looks that a shard takes at each member, when there is no room for
// another mark, and at the end. A member of which all has arrived at a look gives its marks back until it is sent something.

// mostMarks is how many marks a member has. When there is no room, every second one goes: then a part of what has arrived may
// count as under way, and come to the client again.
const mostMarks = 16

// mark says that a client which has received so many bytes has come so far.
type mark struct{ bytes, offset uint64 }

type marks struct {
	count int
	some  [mostMarks]mark
}

// arrival is how far a client has come for certain.
type arrival struct {
	of     Acknowledged // the outlet, if it is one
	bytes  uint64       // sent
	marks  *marks       // of what may be under way; nil: nothing is
	offset uint64       // of what has arrived; 0: not known
}

// take gives the member an outlet. What the one before has not delivered moves to it.
func (m *Member) take(o Outlet) {
	m.outlet = o
	m.arrival.of, _ = o.(Acknowledged)
}

// begin is for a member that enters: of what it was sent before, nothing counts.
func (a *arrival) begin() {
	a.offset = 0
	for i := 0; a.marks != nil && i < a.marks.count; i++ {
		a.marks.some[i].offset = 0
	}
}

// sent notes that bytes were given to a member's outlet, which may not have taken them.
func (s *shard) sent(m *Member, bytes int) {
	a := &m.arrival
	if a.of == nil {
		return
	}
	if a.marks == nil {
		a.marks = s.newMarks()
	}
	a.bytes += uint64(bytes) //nolint:gosec // a length
	a.marks.add(mark{bytes: a.bytes, offset: m.reached()})
	if a.marks.count < mostMarks {
		return
	}
	if s.acknowledge(m); a.marks != nil && a.marks.count == mostMarks {
		a.marks.thin()
	}
}

// acknowledge asks how much of what was sent has arrived.
func (s *shard) acknowledge(m *Member) {
	a := &m.arrival
	if a.marks != nil {
		underWay := uint64(a.of.Unacknowledged()) //nolint:gosec // a length
		a.offset = max(a.offset, a.marks.drop(a.bytes-min(underWay, a.bytes)))
		if a.marks.count > 0 {
			return
		}
		s.unmark(m)
	}
	a.offset = m.reached()
}

// unmark takes a member's marks.
func (s *shard) unmark(m *Member) {
	if m.arrival.marks != nil && len(s.marks) <= len(s.members) {
		s.marks = append(s.marks, m.arrival.marks)
	}
	m.arrival.marks = nil
}

func (s *shard) newMarks() *marks {
	last := len(s.marks) - 1
	if last < 0 {
		return new(marks)
	}
	spare := s.marks[last]
	s.marks[last], s.marks = nil, s.marks[:last]
	spare.count = 0
	return spare
}

// add puts a mark behind the others, for which there is room.
func (k *marks) add(m mark) {
	k.some[k.count] = m
	k.count++
}

// drop takes those marks away up to which all has arrived, and gives the offset of the last one; 0 for none.
func (k *marks) drop(arrived uint64) (offset uint64) {
	n := 0
	for n < k.count && k.some[n].bytes <= arrived {
		offset = k.some[n].offset
		n++
	}
	k.count = copy(k.some[:], k.some[n:k.count])
	return offset
}

// thin takes every second mark away, and keeps the last one.
func (k *marks) thin() {
	for i := range mostMarks / 2 {
		k.some[i] = k.some[2*i+1]
	}
	k.count = mostMarks / 2
}

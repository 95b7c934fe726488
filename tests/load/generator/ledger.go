package generator

// A ledger is what one socket got: for each lane the sequence that comes next, what was skipped, and a hash of the order
// of everything, which must be the same on every socket of a channel. It is owned by the reader of its socket.
type ledger struct {
	channel uint32
	next    []uint32            // by lane
	skipped map[uint64]struct{} // lane and sequence of what a later one overtook
	order   uint64
	faults  Faults
}

// Faults counts what must not happen. All are zero in a good run.
type Faults struct {
	Lost       int `json:"lost"`       // never arrived
	Duplicates int `json:"duplicates"` // arrived again
	Reordered  int `json:"reordered"`  // arrived after a later one of the same publisher and channel
	Misrouted  int `json:"misrouted"`  // arrived on a socket of another channel
	Disagreed  int `json:"disagreed"`  // sockets that got the messages of their channel in another order than the channel's first
	Misstated  int `json:"misstated"`  // answers about channels that do not say who is there
	Announced  int `json:"announced"`  // presence notices of clients that were away for no longer than they may be
}

// Sum is the number of all faults together.
func (f Faults) Sum() int {
	return f.Lost + f.Duplicates + f.Reordered + f.Misrouted + f.Disagreed + f.Misstated + f.Announced
}

func (f *Faults) add(o Faults) {
	f.Lost += o.Lost
	f.Duplicates += o.Duplicates
	f.Reordered += o.Reordered
	f.Misrouted += o.Misrouted
	f.Disagreed += o.Disagreed
	f.Misstated += o.Misstated
	f.Announced += o.Announced
}

func newLedger(channel, lanes uint32) ledger {
	return ledger{channel: channel, next: make([]uint32, lanes)}
}

// record enters a message that arrived. It reports whether it is the first copy of one meant for this socket.
func (l *ledger) record(m mark) bool {
	if m.channel != l.channel || int(m.lane) >= len(l.next) {
		l.faults.Misrouted++
		return false
	}
	switch next := l.next[m.lane]; {
	case m.sequence == next:
		l.next[m.lane]++
	case m.sequence > next:
		l.skip(m.lane, next, m.sequence)
		l.next[m.lane] = m.sequence + 1
	default:
		if !l.late(m) {
			l.faults.Duplicates++
			return false
		}
		l.faults.Reordered++
	}
	// FNV-1a's prime over (lane, sequence): order matters, and two orders do not collide by accident.
	l.order = (l.order ^ (uint64(m.lane)<<32 | uint64(m.sequence)) ^ 0xcbf29ce484222325) * 0x100000001b3
	return true
}

func (l *ledger) skip(lane, from, to uint32) {
	if l.skipped == nil {
		l.skipped = make(map[uint64]struct{})
	}
	for sequence := from; sequence < to; sequence++ {
		l.skipped[uint64(lane)<<32|uint64(sequence)] = struct{}{}
	}
}

// late reports whether m is one that was skipped, and strikes it off.
func (l *ledger) late(m mark) bool {
	key := uint64(m.lane)<<32 | uint64(m.sequence)
	_, was := l.skipped[key]
	delete(l.skipped, key)
	return was
}

// close returns the socket's faults once nothing more is under way; sent is what each lane sent to its channel.
func (l *ledger) close(sent func(lane uint32) uint32) Faults {
	faults := l.faults
	faults.Lost += len(l.skipped)
	for lane, next := range l.next {
		if n := sent(uint32(lane)); n > next {
			faults.Lost += int(n - next)
		}
	}
	return faults
}

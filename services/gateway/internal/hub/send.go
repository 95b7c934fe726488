package hub

import (
	"slices"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// keepPending is how many pieces' room a member keeps when nothing is pending.
const keepPending = 4

// send gives a member's outlet all that is pending, in one piece.
func (s *shard) send(m *Member) {
	m.dirty = false
	p := s.bytes(m)
	clear(m.pending)
	if cap(m.pending) > keepPending {
		m.pending = nil
	} else {
		m.pending = m.pending[:0]
	}
	if len(p) > 0 {
		s.give(m, p)
	}
}

// give hands bytes to a member's outlet.
func (s *shard) give(m *Member, p []byte) {
	reason := m.outlet.Send(p, s.now)
	s.sent(m, len(p))
	s.closeFor(m, reason)
}

// bytes puts a member's pieces together. Members of the same topics have the same pieces, so what was put together for
// the one before often serves again.
func (s *shard) bytes(m *Member) []byte {
	if len(m.pending) == 1 && m.pending[0].list != nil {
		return m.pending[0].list.Bytes(m.format, &s.deflater)
	}
	b := &s.batch
	if b.format == m.format && len(b.pieces) > 0 && slices.EqualFunc(b.pieces, m.pending, sameList) {
		return b.joined
	}
	b.joined, b.format = b.joined[:0], m.format
	b.pieces = append(b.pieces[:0], m.pending...)
	for _, p := range m.pending {
		switch {
		case p.list != nil:
			b.joined = append(b.joined, p.list.Bytes(m.format, &s.deflater)...)
		case p.offset > 0:
			b.joined = frame.AppendOffset(b.joined, m.format, p.offset)
		default:
			b.joined = frame.AppendPacket(b.joined, p.packet, m.way)
		}
	}
	return b.joined
}

func sameList(a, b piece) bool { return a.list != nil && a.list == b.list }

package socket

import "math"

// Unacknowledged is how many of the bytes that were sent have not reached the client's host, as far as is known here: what it
// did not take, what waits, and what its kernel has not acknowledged. Of a connection that the shard does not have it is
// everything.
func (s *Stream) Unacknowledged() int {
	if !s.started || s.gone {
		return math.MaxInt
	}
	bytes := s.refused
	if s.backlog != nil {
		bytes += s.backlog.size
	}
	sent, err := s.conn.Unacknowledged()
	if err != nil {
		return math.MaxInt
	}
	return bytes + sent
}

package admission

import "time"

// Meter counts what one client sends within a second. The zero Meter has counted nothing. One goroutine uses it at a time.
type Meter struct {
	second int64
	count  int
}

// Exceeds counts n more, and says whether that is more than `most` in this second; 0 sets no limit.
func (m *Meter) Exceeds(n, most int, now time.Time) bool {
	if second := now.Unix(); second != m.second {
		m.second, m.count = second, 0
	}
	m.count += n
	return most > 0 && m.count > most
}

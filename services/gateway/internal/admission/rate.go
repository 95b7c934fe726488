package admission

import "time"

// Rate counts what one client sends within a second. The zero Rate has counted nothing. One goroutine uses it at a time.
type Rate struct {
	second int64
	count  int
}

// Exceeds counts one more, and says whether that is more than `most` in this second; 0 sets no limit.
func (r *Rate) Exceeds(most int, now time.Time) bool {
	if second := now.Unix(); second != r.second {
		r.second, r.count = second, 0
	}
	r.count++
	return most > 0 && r.count > most
}

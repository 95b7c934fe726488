package hub

import "time"

// wheel is a shard's timing wheel: members in slots by the time at which to look at them, instead of a timer for each.
// It works in steps; a look may come one step late.
type wheel struct {
	step  time.Duration
	look  time.Duration // the longest time between two looks at a member
	slots [][]*Member
	at    int       // slot of the last step
	last  time.Time // time of the last step
}

// maxLook bounds how late a stalled backlog is noticed.
const maxLook = time.Second

func newWheel(every, timeout time.Duration) wheel {
	look := min(every, timeout, maxLook)
	step := max(look/10, 5*time.Millisecond)
	return wheel{step: step, look: look, slots: make([][]*Member, int(look/step)+2), last: time.Now()}
}

// add has the member looked at at a time that is at most `look` away.
func (w *wheel) add(m *Member, at time.Time) {
	steps := int((at.Sub(w.last) + w.step - 1) / w.step)
	steps = min(max(steps, 1), len(w.slots)-1)
	slot := (w.at + steps) % len(w.slots)
	w.slots[slot] = append(w.slots[slot], m)
}

// advance looks at every member whose time has come; look gives the next time, or the zero time to let it go.
func (w *wheel) advance(now time.Time, look func(*Member) time.Time) {
	for now.Sub(w.last) >= w.step {
		w.last = w.last.Add(w.step)
		w.at = (w.at + 1) % len(w.slots)
		due := w.slots[w.at]
		w.slots[w.at] = nil
		for i, m := range due {
			due[i] = nil
			if at := look(m); !at.IsZero() {
				w.add(m, at)
			}
		}
		if w.slots[w.at] == nil {
			w.slots[w.at] = due[:0]
		}
	}
}

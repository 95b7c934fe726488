package hub

import "time"

// Backlog says how many bytes wait for clients that do not take them, and how many those clients are. A shard looks at each
// of its members once a second.
func (h *Hub) Backlog() (bytes, members int64) {
	for _, s := range h.shards {
		bytes, members = bytes+s.backlog.Load(), members+s.behind.Load()
	}
	return bytes, members
}

// weigh notes how many bytes wait for a member's client.
func (s *shard) weigh(m *Member, waiting int) {
	if waiting == m.waits {
		return
	}
	switch {
	case m.waits == 0:
		s.behind.Add(1)
	case waiting == 0:
		s.behind.Add(-1)
	}
	s.backlog.Add(int64(waiting - m.waits))
	m.waits = waiting
}

// Queue is what waits for a shard.
type Queue struct {
	Items  int    // messages, and what else it has to do
	Bytes  int    // of the messages
	Waited uint64 // times that publishing waited until it had room
}

// Shards is how many shards there are.
func (h *Hub) Shards() int { return len(h.shards) }

// Queue says what waits for one of the shards.
func (h *Hub) Queue(shard int) Queue {
	m := h.shards[shard].mail
	m.mu.Lock()
	defer m.mu.Unlock()
	return Queue{Items: len(m.items), Bytes: m.bytes, Waited: m.waits}
}

// measureEvery is how often a shard measures how long a message took to get to its sockets: 200 times a second at most, once
// for a batch, so that it costs nothing for each message or receiver.
const measureEvery = 5 * time.Millisecond

// looksForTime is among how many of a batch one is looked for whose time is known.
const looksForTime = 16

// measure tells how long ago the log took the first message of a batch that has been written: it has waited longest. The log's
// clock is that of the NATS server; a message from the future took no time.
func (s *shard) measure(items []item) {
	if s.ended.Sub(s.measured) < measureEvery {
		return
	}
	for i := range items[:min(len(items), looksForTime)] {
		it := &items[i]
		if it.Stored == "" || it.topic.slots[s.index].count.Load() == 0 {
			continue
		}
		s.measured = s.ended
		if stored, err := time.Parse(time.RFC3339Nano, it.Stored); err == nil {
			s.hub.config.Observer.Delay(max(s.ended.Sub(stored), 0))
		}
		return
	}
}

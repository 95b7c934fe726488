package hub

import "sync"

// Limits of what waits for a shard before publishing to it waits too.
const (
	maxWaiting      = 1 << 16
	maxWaitingBytes = 64 << 20
)

// item is one thing for a shard to do: deliver a message, or run a step. A step with a topic is for the end of the batch.
type item struct {
	topic *Topic
	step  func(*shard)
	Message
}

// mailbox is a queue that its shard takes whole. Steps always fit, so that a shard and its clients never wait for each
// other; messages wait for room.
type mailbox struct {
	wake chan struct{} // holds one when there is something

	mu     sync.Mutex
	room   sync.Cond
	items  []item // guarded by mu
	bytes  int    // guarded by mu
	waits  uint64 // times that publishing waited for room; guarded by mu
	closed bool   // guarded by mu
}

func newMailbox() *mailbox {
	m := &mailbox{wake: make(chan struct{}, 1)}
	m.room.L = &m.mu
	return m
}

func (m *mailbox) publish(it item) {
	m.mu.Lock()
	if m.full() {
		m.waits++
	}
	for m.full() {
		m.room.Wait()
	}
	m.bytes += len(it.Body)
	m.put(it)
}

// full says whether publishing waits; mu is held.
func (m *mailbox) full() bool {
	return (len(m.items) >= maxWaiting || m.bytes >= maxWaitingBytes) && !m.closed
}

// step queues a step; it reports false when the shard has ended.
func (m *mailbox) step(f func(*shard)) bool {
	m.mu.Lock()
	return m.put(item{step: f})
}

// written queues a step for when what was published before is written; it reports false when the shard has ended.
func (m *mailbox) written(t *Topic, f func(*shard)) bool {
	m.mu.Lock()
	return m.put(item{topic: t, step: f})
}

// put appends and unlocks.
func (m *mailbox) put(it item) bool {
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.items = append(m.items, it)
	first := len(m.items) == 1
	m.mu.Unlock()
	if first {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// take gives all that waits and leaves `empty` in its place.
func (m *mailbox) take(empty []item) []item {
	m.mu.Lock()
	items := m.items
	m.items, m.bytes = empty[:0], 0
	m.mu.Unlock()
	m.room.Broadcast()
	return items
}

// close refuses everything from now on and gives what still waits.
func (m *mailbox) close() []item {
	m.mu.Lock()
	items := m.items
	m.items, m.closed = nil, true
	m.mu.Unlock()
	m.room.Broadcast()
	return items
}

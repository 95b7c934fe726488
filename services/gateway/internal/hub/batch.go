package hub

import (
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// maxSpare is how many lists a shard keeps for later batches.
const maxSpare = 1024

// batch is what a shard gathers between two looks into its mailbox. Its memory is used again and again.
type batch struct {
	topic *Topic      // of the run of messages that follow each other
	run   *frame.List // nil: no run is open
	lists []*frame.List
	spare []*frame.List
	dirty []*Member // have something pending

	written []func(*shard) // to be called when all before is written

	joined []byte  // what the last member with several pieces got,
	pieces []piece // made of these
	format frame.Format
}

// receive adds a message to the open run, or begins another.
func (s *shard) receive(it *item) {
	b := &s.batch
	if it.Offset > 0 {
		s.mark = it.Offset
	}
	if it.Rule == nil {
		if b.topic == it.topic && b.run.Add(it.Message.Message) {
			return
		}
		s.closeRun()
		b.topic, b.run = it.topic, s.newList(it.Message.Message)
		return
	}
	s.closeRun()
	list := s.newList(it.Message.Message)
	if it.Rule.Only == nil {
		s.deliverExcept(it.topic, it.Rule.Except, list)
	} else {
		s.deliverOnly(it.topic, it.Rule, list)
	}
}

func (s *shard) newList(first frame.Message) *frame.List {
	b := &s.batch
	var list *frame.List
	if n := len(b.spare); n > 0 {
		list, b.spare = b.spare[n-1], b.spare[:n-1]
	} else {
		list = new(frame.List)
	}
	list.Add(first)
	b.lists = append(b.lists, list)
	return list
}

// closeRun gives the open run to everybody in its topic.
func (s *shard) closeRun() {
	b := &s.batch
	if b.run == nil {
		return
	}
	members := b.topic.slots[s.index].members
	for _, m := range members {
		s.queue(m, piece{list: b.run})
	}
	s.count(b.run.Len(), len(members))
	b.topic, b.run = nil, nil
}

// sendRun gives the open run to everybody in its topic at once: nobody has anything else pending. It goes backwards,
// since a member that is closed on the way leaves its position to the last one.
func (s *shard) sendRun() {
	b := &s.batch
	members, run := b.topic.slots[s.index].members, b.run
	b.topic, b.run = nil, nil
	s.count(run.Len(), len(members))
	for i := len(members) - 1; i >= 0; i-- {
		m := members[i]
		if p := run.Bytes(m.format, &s.deflater); len(p) > 0 {
			s.give(m, p)
		}
	}
}

func (s *shard) count(messages, members int) {
	if members > 0 {
		s.hub.delivered.Add(uint64(messages * members))
		s.hub.config.Observer.Batch(messages)
	}
}

func (s *shard) deliverExcept(t *Topic, except []string, list *frame.List) {
	n := 0
	for _, m := range t.slots[s.index].members {
		if !contains(except, m.user) {
			s.queue(m, piece{list: list})
			n++
		}
	}
	s.count(list.Len(), n)
}

func (s *shard) deliverOnly(t *Topic, r *Rule, list *frame.List) {
	n := 0
	for i, user := range r.Only {
		if contains(r.Except, user) || contains(r.Only[:i], user) {
			continue
		}
		for _, m := range s.users[user] {
			if m.in(t) {
				s.queue(m, piece{list: list})
				n++
			}
		}
	}
	s.count(list.Len(), n)
}

func contains(users []string, user string) bool {
	for _, u := range users {
		if u == user {
			return true
		}
	}
	return false
}

// queue puts a piece behind what is pending for a member.
func (s *shard) queue(m *Member, p piece) {
	if m.closed {
		return
	}
	if !m.dirty {
		m.dirty = true
		s.batch.dirty = append(s.batch.dirty, m)
	}
	m.pending = append(m.pending, p)
}

// flush sends all that is pending.
func (s *shard) flush() {
	b := &s.batch
	if b.run != nil && len(b.dirty) == 0 {
		s.sendRun()
	}
	s.closeRun()
	for i, m := range b.dirty {
		b.dirty[i] = nil
		if m.dirty {
			s.send(m)
		}
	}
	b.dirty = b.dirty[:0]
	clear(b.pieces)
	b.pieces = b.pieces[:0]
	for i, list := range b.lists {
		b.lists[i] = nil
		if len(b.spare) < maxSpare {
			list.Reset()
			b.spare = append(b.spare, list)
		}
	}
	b.lists = b.lists[:0]
	if cap(b.joined) > 16*frame.MaxList {
		b.joined = nil
	}
	for i, f := range b.written {
		b.written[i] = nil
		f(s)
	}
	b.written = b.written[:0]
}

package hub

import (
	"sync/atomic"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// Topic is what members subscribe to: a channel, or the private messages of a user.
type Topic struct {
	// set at construction
	Name    string // of the channel or user
	Subject string // where its messages come from
	slots   []slot // one for each shard
}

// slot is a topic's members within one shard.
type slot struct {
	count    atomic.Int32 // written by the shard, read by Publish
	expected atomic.Int32 // members that will be in the topic by the time that the shard comes to what is published now
	members  []*Member    // owned by the shard
}

// NewTopic makes a topic that nobody is in.
func (h *Hub) NewTopic(name, subject string) *Topic {
	return &Topic{Name: name, Subject: subject, slots: make([]slot, len(h.shards))}
}

// Rule narrows who of a channel's members gets a message. Users are written as tokens.
type Rule struct {
	Only   []string // nil: everybody
	Except []string
}

// Allows says whether a user, who is in the topic, gets the message.
func (r *Rule) Allows(user string) bool {
	return r == nil || (r.Only == nil || contains(r.Only, user)) && !contains(r.Except, user)
}

// Message is one message on its way to members.
type Message struct {
	frame.Message        // its body is kept until it is written
	Rule          *Rule  // nil: everybody in the topic gets it
	Stored        string // when the log took it, as NATS writes the time; "": that is not known. Few are looked at
	More          bool   // another of the same list follows: it is worth a moment's wait, so that both go in one frame
}

// Members is how many members are in the topic.
func (t *Topic) Members() (n int) {
	for i := range t.slots {
		n += int(t.slots[i].count.Load())
	}
	return n
}

// Written calls f once, when each shard that had members of the topic has written what was published before, or has put it
// behind what a slow client has not taken. It changes nothing about when and how that is written. f must not block.
func (h *Hub) Written(t *Topic, f func()) {
	var left atomic.Int32
	left.Store(int32(len(h.shards)))
	done := func(*shard) {
		if left.Add(-1) == 0 {
			f()
		}
	}
	for i, s := range h.shards {
		if slot := &t.slots[i]; slot.count.Load() == 0 && slot.expected.Load() == 0 || !s.mail.written(t, done) {
			done(nil)
		}
	}
}

// Publish hands a message to the shards that have members of the topic. Messages are delivered in the order of the
// calls, so one goroutine makes them. It waits while a shard has more than its share of messages to write.
func (h *Hub) Publish(t *Topic, m Message) {
	for i, s := range h.shards {
		if slot := &t.slots[i]; slot.count.Load() > 0 || slot.expected.Load() > 0 {
			s.mail.publish(item{topic: t, Message: m})
		}
	}
}

package resume

import (
	"slices"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

// Limits say how many messages a client gets that it missed, the newest; 0 sets no limit.
type Limits struct {
	Channel int // of one channel
	User    int // private ones
}

// owed is a message that the client is to be sent. Its edits are put into it when it is: until then clients share all that
// they are owed, with each other and with the tapes.
type owed struct {
	frame.Message
	edits [][]byte
}

// size is what the message takes when it is sent, at most about.
func (o owed) size() int {
	size := len(o.Body) + around
	if n := len(o.edits); n > 0 {
		size += len(o.edits[n-1])
	}
	return size
}

// ready gives messages as the client gets them.
func ready(some []owed) []frame.Message {
	messages := make([]frame.Message, len(some))
	for i, o := range some {
		messages[i] = o.Message
		for _, edit := range o.edits {
			if body, err := fold.Edit(messages[i].Body, edit); err == nil { // or else the event alone must do
				messages[i].Body = body
			}
		}
	}
	return messages
}

// owed gives what of a part of the past is for the client: an edit changes the message before it, and what was removed is
// left out, with its edits. The events of both come too, as they came to those who were there. mu is held.
func (h *Handover) owed(part feed.Part) []owed {
	past := slices.DeleteFunc(part.Messages, func(m feed.PastMessage) bool {
		_, wanted := h.topics[m.Topic]
		return !wanted || !m.Allows(h.config.User)
	})
	past, edits := folded(past)
	past = h.newest(past)
	all := make([]owed, len(past))
	for i, m := range past {
		all[i] = owed{Message: h.late(m, part.Mark), edits: edits[m.Sequence]}
	}
	return all
}

// late gives a message of the past. An announcement is told by the events that it had, also where its body was edited.
func (h *Handover) late(m feed.PastMessage, mark uint64) frame.Message {
	late := frame.Message{Body: m.Data, Offset: min(m.Sequence, mark), Late: !h.config.Moved, Announcement: feed.Announcement(m.LogMessage)}
	if late.Announcement != nil && m.Sequence == h.config.Since+1 {
		late.Announcement.Told = h.config.Told
	}
	return late
}

// target is a message on one topic.
type target struct {
	topic *hub.Topic
	uuid  string
}

// folded takes out what was removed, and gives the edits of the messages before them, by their sequence.
func folded(past []feed.PastMessage) (kept []feed.PastMessage, edits map[uint64][][]byte) {
	changes := func(m feed.PastMessage) bool {
		return m.Header.Get(contract.HeaderEdit)+m.Header.Get(contract.HeaderDelete) != ""
	}
	if !slices.ContainsFunc(past, changes) {
		return past, nil
	}
	edits = map[uint64][][]byte{}
	originals, removed := map[*hub.Topic]*fold.Targets{}, map[target]int{}
	for i, m := range past {
		messages := originals[m.Topic]
		if messages == nil {
			messages = &fold.Targets{}
			originals[m.Topic] = messages
		}
		switch {
		case m.Header.Get(contract.HeaderDelete) != "":
			removed[target{topic: m.Topic, uuid: m.UUID()}] = i
			messages.Remove(m.UUID())
		case m.Header.Get(contract.HeaderEdit) != "":
			if original, here := messages.Find(m.UUID(), m.Header.Get(contract.HeaderOf), m.Sequence); here {
				edits[original] = append(edits[original], m.Data)
			}
		default:
			messages.Add(m.UUID(), contract.AudienceOfMessage(m.ID()), m.Sequence)
		}
	}
	kept = past[:0]
	for i, m := range past {
		if at, gone := removed[target{topic: m.Topic, uuid: m.UUID()}]; !gone || i >= at {
			kept = append(kept, m)
		}
	}
	return kept, edits
}

// newest leaves out what is over the limits.
func (h *Handover) newest(past []feed.PastMessage) []feed.PastMessage {
	if h.config.Limits == (Limits{}) {
		return past
	}
	count := map[*hub.Topic]int{}
	for _, m := range past {
		count[m.Topic]++
	}
	return slices.DeleteFunc(past, func(m feed.PastMessage) bool {
		limit := h.config.Limits.Channel
		if m.Topic == h.config.Topics[0] {
			limit = h.config.Limits.User
		}
		count[m.Topic]--
		return limit > 0 && count[m.Topic] >= limit
	})
}

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

// messages gives what of a part of the past is for the client, as it gets it: an edit changes the message before it, and
// what was removed is left out, with its edits. The events of both come too, as they came to those who were there. mu is held.
func (h *Handover) messages(part feed.Part) []frame.Message {
	past := slices.DeleteFunc(part.Messages, func(m feed.PastMessage) bool {
		_, wanted := h.topics[m.Topic]
		return !wanted || !m.Allows(h.config.User)
	})
	past = h.newest(folded(past))
	messages := make([]frame.Message, len(past))
	for i, m := range past {
		messages[i] = frame.Message{Body: m.Data, Offset: min(m.Sequence, part.Mark), Late: true}
	}
	return messages
}

// target is a message on one topic.
type target struct {
	topic *hub.Topic
	uuid  string
}

// folded applies edits and removals to the messages before them.
func folded(past []feed.PastMessage) []feed.PastMessage {
	changes := func(m feed.PastMessage) bool {
		return m.Header.Get(contract.HeaderEdit)+m.Header.Get(contract.HeaderDelete) != ""
	}
	if !slices.ContainsFunc(past, changes) {
		return past
	}
	originals, removed := map[target]int{}, map[target]int{}
	for i, m := range past {
		about := target{topic: m.Topic, uuid: m.UUID()}
		switch {
		case m.Header.Get(contract.HeaderDelete) != "":
			removed[about] = i
			delete(originals, about)
		case m.Header.Get(contract.HeaderEdit) != "":
			if at, here := originals[about]; here {
				if body, err := fold.Edit(past[at].Data, m.Data); err == nil { // or else the event alone must do
					past[at].Data = body
				}
			}
		default:
			originals[about] = i
		}
	}
	kept := past[:0]
	for i, m := range past {
		if at, gone := removed[target{topic: m.Topic, uuid: m.UUID()}]; !gone || i >= at {
			kept = append(kept, m)
		}
	}
	return kept
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

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

// messages gives what of the entries is for the client, as it gets it: an edit changes the message before it, and what
// was removed is left out, with its edits. The events of both come too, as they came to those who were there. mu is held.
func (h *Handover) messages(entries []feed.PastMessage, mark uint64) []frame.Message {
	entries = slices.DeleteFunc(entries, func(e feed.PastMessage) bool {
		_, wanted := h.topics[e.Topic]
		return !wanted || !e.Allows(h.config.User)
	})
	entries = h.newest(folded(entries))
	messages := make([]frame.Message, len(entries))
	for i, e := range entries {
		messages[i] = frame.Message{Body: e.Data, Offset: min(e.Sequence, mark), Late: true}
	}
	return messages
}

// target is a message on one topic.
type target struct {
	topic *hub.Topic
	uuid  string
}

// folded applies edits and removals to the messages before them.
func folded(entries []feed.PastMessage) []feed.PastMessage {
	changes := func(e feed.PastMessage) bool {
		return e.Header.Get(contract.HeaderEdit)+e.Header.Get(contract.HeaderDelete) != ""
	}
	if !slices.ContainsFunc(entries, changes) {
		return entries
	}
	originals, removed := map[target]int{}, map[target]int{}
	for i, e := range entries {
		about := target{topic: e.Topic, uuid: e.UUID()}
		switch {
		case e.Header.Get(contract.HeaderDelete) != "":
			removed[about] = i
			delete(originals, about)
		case e.Header.Get(contract.HeaderEdit) != "":
			if at, here := originals[about]; here {
				if body, err := fold.Edit(entries[at].Data, e.Data); err == nil { // or else the event alone must do
					entries[at].Data = body
				}
			}
		default:
			originals[about] = i
		}
	}
	kept := entries[:0]
	for i, e := range entries {
		if at, gone := removed[target{topic: e.Topic, uuid: e.UUID()}]; !gone || i >= at {
			kept = append(kept, e)
		}
	}
	return kept
}

// newest leaves out what is over the limits.
func (h *Handover) newest(entries []feed.PastMessage) []feed.PastMessage {
	if h.config.Limits == (Limits{}) {
		return entries
	}
	count := map[*hub.Topic]int{}
	for _, e := range entries {
		count[e.Topic]++
	}
	return slices.DeleteFunc(entries, func(e feed.PastMessage) bool {
		limit := h.config.Limits.Channel
		if e.Topic == h.config.Topics[0] {
			limit = h.config.Limits.User
		}
		count[e.Topic]--
		return limit > 0 && count[e.Topic] >= limit
	})
}

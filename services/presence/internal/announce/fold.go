package announce

import (
	"slices"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// Event is a user who came into a channel with the first of its connections, or left it with the last.
type Event struct {
	Revision      uint64 // of the change that made it
	Key           string // of the connection
	User, Channel string
	Joined        bool // or else parted
	Alone         bool // the user was in no channel that is told before, or is in none now
}

// fold is which connections count, as of some revision.
type fold struct {
	connections map[string]*contract.ConnectionRecord // by key
	byUser      map[string][]string                   // user → keys
}

func newFold() *fold {
	return &fold{connections: map[string]*contract.ConnectionRecord{}, byUser: map[string][]string{}}
}

// apply takes a change, and gives who parted from and then who joined the channels that are told of it.
func (f *fold) apply(row roster.Row[contract.ConnectionRecord], told func(channel string) bool) []Event {
	before, after := f.connections[row.Key], roster.There(row.Record)
	if before != nil && after != nil && before.User == after.User && slices.Equal(before.Channels, after.Channels) {
		f.connections[row.Key] = after // an attach or detach, the most frequent change
		return nil
	}
	f.remove(row.Key, before)
	var events []Event
	if told != nil {
		events = append(f.lost(before, after, told), f.lost(after, before, told)...)
	}
	for i := range events {
		e := &events[i]
		e.Revision, e.Key = row.Revision, row.Key
		e.Joined = after != nil && e.User == after.User && has(after, e.Channel)
		if i > 0 && events[i-1].User == e.User && events[i-1].Joined == e.Joined {
			e.Alone = events[i-1].Alone
			continue
		}
		other := after // what else the user has by this connection: after it parted, or before it joined
		if e.Joined {
			other = before
		}
		e.Alone = !f.isTold(e.User, other, told)
	}
	f.add(row.Key, after)
	return events
}

// isTold says whether a user is in a channel that is told, by one connection or by those in the fold.
func (f *fold) isTold(user string, by *contract.ConnectionRecord, told func(channel string) bool) bool {
	if by != nil && by.User == user && slices.ContainsFunc(by.Channels, told) {
		return true
	}
	return slices.ContainsFunc(f.byUser[user], func(key string) bool { return slices.ContainsFunc(f.connections[key].Channels, told) })
}

// lost gives the channels of one connection that the other does not have, and that its user is not in by a third.
func (f *fold) lost(one, other *contract.ConnectionRecord, told func(channel string) bool) (events []Event) {
	if one == nil {
		return nil
	}
	for _, channel := range one.Channels {
		stays := other != nil && other.User == one.User && has(other, channel)
		if !stays && told(channel) && !f.in(one.User, channel) {
			events = append(events, Event{User: one.User, Channel: channel})
		}
	}
	return events
}

func (f *fold) in(user, channel string) bool {
	return slices.ContainsFunc(f.byUser[user], func(key string) bool { return has(f.connections[key], channel) })
}

func has(c *contract.ConnectionRecord, channel string) bool {
	_, found := slices.BinarySearch(c.Channels, channel)
	return found
}

func (f *fold) add(key string, c *contract.ConnectionRecord) {
	if c != nil {
		f.connections[key] = c
		f.byUser[c.User] = append(f.byUser[c.User], key)
	}
}

func (f *fold) remove(key string, c *contract.ConnectionRecord) {
	if c == nil {
		return
	}
	delete(f.connections, key)
	keys := f.byUser[c.User]
	if len(keys) == 1 {
		delete(f.byUser, c.User)
		return
	}
	i := slices.Index(keys, key)
	f.byUser[c.User] = slices.Delete(keys, i, i+1)
}

package roster

import (
	"crypto/sha1" //nolint:gosec // what RFC 9562 section 5.5 makes a UUIDv5 of; nothing is secured by it
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// DefaultStatus is that of a user whose status nobody set: online.
const DefaultStatus = 1

// ChannelNames gives the channels that have members or a record.
func (r *Roster) ChannelNames() []string {
	names := slices.Collect(maps.Keys(r.rooms))
	for _, row := range r.channels.rows {
		if r.rooms[row.Record.Name] == nil {
			names = append(names, row.Record.Name)
		}
	}
	return names
}

// Describe shows the named channels, those too of which nothing is known, and the users in them.
func (r *Roster) Describe(names []string, o contract.InfoOptions) contract.ChannelsInfo {
	info := contract.ChannelsInfo{Channels: make(map[string]contract.ChannelInfo, len(names)), Users: []contract.UserInfo{}}
	excluded := make(map[string]struct{}, len(o.ExcludeChannels))
	for _, name := range o.ExcludeChannels {
		excluded[name] = struct{}{}
	}
	var shown []string
	for _, name := range names {
		if _, no := excluded[name]; no {
			continue
		}
		channel := r.describeChannel(name, r.channels.rows[contract.EncodeToken(name)].Record, r.rooms[name], o)
		info.Channels[name] = channel
		shown = append(shown, channel.Users...)
	}
	if len(names) > 1 { // the users of one channel are sorted and unique already
		slices.Sort(shown)
		shown = slices.Compact(shown)
	}
	if len(shown) > 0 {
		info.Users = make([]contract.UserInfo, len(shown))
	}
	none := map[string]json.RawMessage{}
	for i, user := range shown {
		info.Users[i] = r.describeUser(user, o, none)
	}
	return info
}

// HaveHistory says whether one of the named channels keeps history, or did once.
func (r *Roster) HaveHistory(names []string) bool {
	if len(r.channels.rows) == 0 {
		return false
	}
	return slices.ContainsFunc(names, func(name string) bool {
		record := r.channels.rows[contract.EncodeToken(name)].Record
		return record != nil && record.History
	})
}

func (r *Roster) describeChannel(name string, record *contract.ChannelRecord, in *room, o contract.InfoOptions) contract.ChannelInfo {
	c := contract.ChannelInfo{
		UUID: channelUUID(name), Name: name, Settings: contract.DefaultChannelSettings(),
		History: []json.RawMessage{}, Users: []string{},
	}
	if record != nil {
		c.LongName, c.Settings = record.LongName, record.Settings
	}
	if in == nil {
		return c
	}
	c.TotalConnections = len(in.connections)
	if !o.OmitUsers { // as in 0.7, what is not shown is not counted
		c.TotalUsers, c.Users = len(in.users), slices.AppendSeq(make([]string, 0, len(in.users)), maps.Keys(in.users))
		slices.Sort(c.Users)
	}
	var newest time.Time
	for key := range in.connections {
		if since := r.connections.rows[key].Record.Since; since.After(newest) {
			newest = since
		}
	}
	active := newest.UTC().Format(contract.TimestampLayout)
	c.LastActive = &active
	return c
}

// describeUser shows a user. none is the state of one who has none: a map for each of thousands would cost much.
func (r *Roster) describeUser(user string, o contract.InfoOptions, none map[string]json.RawMessage) contract.UserInfo {
	u := contract.UserInfo{User: user, Status: DefaultStatus, State: none}
	if record := r.users.rows[contract.EncodeToken(user)].Record; record != nil {
		u.Status = record.Status
		switch {
		case o.PublicState && len(record.PublicKeys) > 0:
			u.State = PublicState(record)
		case o.PublicState:
		case record.State != nil:
			u.State = record.State
		}
	}
	if o.IncludeConnections {
		for _, key := range r.byUser[user] {
			u.Connections = append(u.Connections, r.connections.rows[key].Record.ConnID)
		}
		slices.Sort(u.Connections)
	}
	return u
}

// PublicState gives the part of a user's state that the app made public.
func PublicState(record *contract.UserRecord) map[string]json.RawMessage {
	public := map[string]json.RawMessage{}
	for _, key := range record.PublicKeys {
		if value, ok := record.State[key]; ok {
			public[key] = value
		}
	}
	return public
}

// channelNamespace separates our name-based UUIDs from everybody else's. It must never change.
var channelNamespace = [16]byte{
	0x8a, 0x4c, 0x1d, 0x5e, 0x0f, 0x3b, 0x4e, 0x6a, 0x9b, 0x72, 0xc1, 0xd4, 0x5f, 0x60, 0x7e, 0x33,
}

// channelUUID makes a UUIDv5 (RFC 9562 section 5.5) of a channel's name.
func channelUUID(name string) string {
	sum := sha1.Sum(append(channelNamespace[:], name...)) //nolint:gosec // see the import
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	text := hex.EncodeToString(id)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

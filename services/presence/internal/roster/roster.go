// Package roster is the index of who is where, folded from bucket entries.
//
// It promises the same index for the same newest entries, in whatever order and however often they come. It has no
// clock, no I/O and no lock: its owner guards it.
package roster

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// set is a set of keys of connections.
type set map[string]struct{}

// room is a channel that somebody is in.
type room struct {
	connections set
	users       map[string]int // user → how many of its connections are in
}

// gateway is what a gateway holds.
type gateway struct {
	connections set
	digest      contract.Digest // of them
}

// Roster is the index. All maps but rooms, byUser and dormant are by the token that is the key in the bucket.
type Roster struct {
	connections table[contract.ConnectionRecord]
	users       table[contract.UserRecord]
	channels    table[contract.ChannelRecord]
	leases      table[contract.LeaseRecord]

	rooms     map[string]*room                   // channel → who is in
	vacant    int                                // channels that were configured and that nobody is in
	byUser    map[string][]string                // user → keys of its connections
	dormant   map[string][]string                // user → keys of its dormant connections, which are none of byUser
	byGateway map[string]*gateway                // those with a connection attached there
	waiting   map[contract.ConnectionState]*ages // those without a socket
}

// New makes an empty roster.
func New() *Roster {
	return &Roster{
		connections: newTable[contract.ConnectionRecord](),
		users:       newTable[contract.UserRecord](),
		channels:    newTable[contract.ChannelRecord](),
		leases:      newTable[contract.LeaseRecord](),
		rooms:       map[string]*room{},
		byUser:      map[string][]string{},
		dormant:     map[string][]string{},
		byGateway:   map[string]*gateway{},
		waiting: map[contract.ConnectionState]*ages{
			contract.Pending: newAges(), contract.Lingering: newAges(), contract.Dormant: newAges(),
		},
	}
}

// Connection gives the row of a key; its Record is nil when there is none.
func (r *Roster) Connection(key string) Row[contract.ConnectionRecord] {
	return r.connections.rows[key]
}

// User gives the row of a key; its Record is nil when there is none.
func (r *Roster) User(key string) Row[contract.UserRecord] { return r.users.rows[key] }

// Channel gives the row of a key; its Record is nil when there is none.
func (r *Roster) Channel(key string) Row[contract.ChannelRecord] { return r.channels.rows[key] }

// Lease gives the row of a key; its Record is nil when there is none.
func (r *Roster) Lease(key string) Row[contract.LeaseRecord] { return r.leases.rows[key] }

// ApplyUser takes a row of the users bucket.
func (r *Roster) ApplyUser(row Row[contract.UserRecord]) { r.users.apply(row) }

// ApplyChannel takes a row of the channels bucket.
func (r *Roster) ApplyChannel(row Row[contract.ChannelRecord]) {
	before, taken := r.channels.apply(row)
	switch {
	case !taken || (before.Record == nil) == (row.Record == nil):
	case row.Record != nil && r.rooms[row.Record.Name] == nil:
		r.vacant++
	case row.Record == nil && r.rooms[before.Record.Name] == nil:
		r.vacant--
	}
}

// configured says whether a channel was.
func (r *Roster) configured(channel string) bool {
	return r.channels.rows[contract.EncodeToken(channel)].Record != nil
}

// ApplyLease takes a row of the leases bucket.
func (r *Roster) ApplyLease(row Row[contract.LeaseRecord]) { r.leases.apply(row) }

// ApplyConnection takes a row of the connections bucket, unless it is old, and gives the row that it replaces.
func (r *Roster) ApplyConnection(row Row[contract.ConnectionRecord]) (before Row[contract.ConnectionRecord], taken bool) {
	before, taken = r.connections.apply(row)
	if taken {
		r.index(before, row)
	}
	return before, taken
}

// index follows a change of a connection.
func (r *Roster) index(before, row Row[contract.ConnectionRecord]) {
	r.leaveState(before)
	r.enterState(row)
	moveUser(r.dormant, row.Key, dormant(before.Record), dormant(row.Record))
	from, to := There(before.Record), There(row.Record)
	same := from != nil && to != nil && from.User == to.User
	if same && slices.Equal(from.Channels, to.Channels) {
		return // an attach or detach, the most frequent change
	}
	if from != nil {
		for _, channel := range from.Channels {
			r.part(row.Key, from.User, channel)
		}
	}
	if to != nil {
		for _, channel := range to.Channels {
			r.join(row.Key, to.User, channel)
		}
	}
	if !same {
		moveUser(r.byUser, row.Key, from, to)
	}
}

// There gives a connection back if it counts, and nil for none or a dormant one.
func There(c *contract.ConnectionRecord) *contract.ConnectionRecord {
	if c == nil || c.State == contract.Dormant {
		return nil
	}
	return c
}

// dormant gives a connection back if it is dormant.
func dormant(c *contract.ConnectionRecord) *contract.ConnectionRecord {
	if c == nil || c.State != contract.Dormant {
		return nil
	}
	return c
}

// Forget drops memory of removals that were already old at the last call.
func (r *Roster) Forget() {
	r.connections.forget()
	r.users.forget()
	r.channels.forget()
	r.leases.forget()
}

func (r *Roster) leaveState(row Row[contract.ConnectionRecord]) {
	switch c := row.Record; {
	case c == nil:
	case c.State == contract.Attached:
		if here := r.byGateway[c.Gateway]; len(here.connections) > 1 {
			delete(here.connections, row.Key)
			here.digest.Remove(c.ConnID, c.Session, row.Revision)
		} else {
			delete(r.byGateway, c.Gateway)
		}
	case r.waiting[c.State] != nil:
		r.waiting[c.State].remove(row.Key, c.Since)
	}
}

func (r *Roster) enterState(row Row[contract.ConnectionRecord]) {
	switch c := row.Record; {
	case c == nil:
	case c.State == contract.Attached:
		here := r.byGateway[c.Gateway]
		if here == nil {
			here = &gateway{connections: set{}}
			r.byGateway[c.Gateway] = here
		}
		here.connections[row.Key] = struct{}{}
		here.digest.Add(c.ConnID, c.Session, row.Revision)
	case r.waiting[c.State] != nil:
		r.waiting[c.State].add(row.Key, c.Since)
	}
}

// moveUser takes a connection from the list of its user and puts it into another; either may be nil.
func moveUser(byUser map[string][]string, key string, before, after *contract.ConnectionRecord) {
	if before != nil {
		keys := byUser[before.User]
		if i := slices.Index(keys, key); len(keys) > 1 {
			byUser[before.User] = slices.Delete(keys, i, i+1)
		} else {
			delete(byUser, before.User)
		}
	}
	if after != nil {
		byUser[after.User] = append(byUser[after.User], key)
	}
}

func (r *Roster) join(key, user, channel string) {
	in := r.rooms[channel]
	if in == nil {
		in = &room{connections: set{}, users: map[string]int{}}
		r.rooms[channel] = in
		if r.configured(channel) {
			r.vacant--
		}
	}
	if _, twice := in.connections[key]; twice {
		return // a record names each channel once, but a roster does not fall over one that does not
	}
	in.connections[key] = struct{}{}
	in.users[user]++
}

func (r *Roster) part(key, user, channel string) {
	in := r.rooms[channel]
	if in == nil {
		return
	}
	if _, is := in.connections[key]; !is {
		return
	}
	delete(in.connections, key)
	if in.users[user]--; in.users[user] == 0 {
		delete(in.users, user)
	}
	if len(in.connections) == 0 {
		delete(r.rooms, channel)
		if r.configured(channel) {
			r.vacant++
		}
	}
}

// Counts says how many there are of each.
type Counts struct {
	Connections, Channels int // Channels: with somebody in
	Dormant               int // connections that are none of Connections
	Present, Remembered   int // users with a connection; users known
}

// Counts counts.
func (r *Roster) Counts() Counts {
	dormant := r.waiting[contract.Dormant].keys
	return Counts{
		Connections: len(r.connections.rows) - dormant, Channels: len(r.rooms), Dormant: dormant,
		Present: len(r.byUser), Remembered: len(r.users.rows),
	}
}

// Waiting gives the connections that have been in a state, other than attached, since a moment or longer. It costs
// nothing for those that came later.
func (r *Roster) Waiting(state contract.ConnectionState, since time.Time) iter.Seq[*contract.ConnectionRecord] {
	return func(yield func(*contract.ConnectionRecord) bool) {
		for c := range r.records(r.waiting[state].until(since)) {
			if !c.Since.After(since) && !yield(c) {
				return
			}
		}
	}
}

// At gives the connections attached at a gateway.
func (r *Roster) At(gateway string) iter.Seq[*contract.ConnectionRecord] {
	here := r.byGateway[gateway]
	if here == nil {
		return func(func(*contract.ConnectionRecord) bool) {}
	}
	return r.records(maps.Keys(here.connections))
}

// Digest is that of the connections attached at a gateway.
func (r *Roster) Digest(gateway string) contract.Digest {
	if here := r.byGateway[gateway]; here != nil {
		return here.digest
	}
	return contract.Digest{}
}

func (r *Roster) records(keys iter.Seq[string]) iter.Seq[*contract.ConnectionRecord] {
	return func(yield func(*contract.ConnectionRecord) bool) {
		for key := range keys {
			if !yield(r.connections.rows[key].Record) {
				return
			}
		}
	}
}

// Gateways gives the gateways at which a connection is attached.
func (r *Roster) Gateways() iter.Seq[string] { return maps.Keys(r.byGateway) }

// Absent gives the known users that have no connection.
func (r *Roster) Absent() iter.Seq[*contract.UserRecord] {
	return func(yield func(*contract.UserRecord) bool) {
		for _, row := range r.users.rows {
			if len(r.byUser[row.Record.User]) == 0 && !yield(row.Record) {
				return
			}
		}
	}
}

// Leases gives the leases that live.
func (r *Roster) Leases() iter.Seq[*contract.LeaseRecord] {
	return func(yield func(*contract.LeaseRecord) bool) {
		for _, row := range r.leases.rows {
			if !yield(row.Record) {
				return
			}
		}
	}
}

// Present says whether a user has a connection.
func (r *Roster) Present(user string) bool { return len(r.byUser[user]) > 0 }

// ConnectionsOf gives the ids of the connections of a user, the dormant ones too, in no order.
func (r *Roster) ConnectionsOf(user string) (ids []string) {
	for _, keys := range [][]string{r.byUser[user], r.dormant[user]} {
		for _, key := range keys {
			ids = append(ids, r.connections.rows[key].Record.ConnID)
		}
	}
	return ids
}

// ChannelsOf gives the channels that a user is in, sorted.
func (r *Roster) ChannelsOf(user string) []string {
	var all []string
	for _, key := range r.byUser[user] {
		all = append(all, r.connections.rows[key].Record.Channels...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// UsersIn gives the users in a channel, in no order.
func (r *Roster) UsersIn(channel string) iter.Seq[string] {
	in := r.rooms[channel]
	if in == nil {
		return func(func(string) bool) {}
	}
	return maps.Keys(in.users)
}

// Settings are those of a channel.
func (r *Roster) Settings(channel string) contract.ChannelSettings {
	if len(r.channels.rows) > 0 {
		if record := r.channels.rows[contract.EncodeToken(channel)].Record; record != nil {
			return record.Settings
		}
	}
	return contract.DefaultChannelSettings()
}

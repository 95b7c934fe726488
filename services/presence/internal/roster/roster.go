// Package roster is the index of who is where, folded from bucket entries.
//
// It promises the same index for the same newest entries, in whatever order and however often they come. It has no
// clock, no I/O and no lock: its owner guards it.
package roster

import (
	"iter"
	"maps"
	"slices"

	"github.com/channelstream/channelstream/shared/contract"
)

// set is a set of keys of connections.
type set map[string]struct{}

// room is a channel that somebody is in.
type room struct {
	connections set
	users       map[string]int // user → how many of its connections are in
}

// Roster is the index. All maps but rooms and byUser are by the token that is the key in the bucket.
type Roster struct {
	connections table[contract.ConnectionRecord]
	users       table[contract.UserRecord]
	channels    table[contract.ChannelRecord]
	leases      table[contract.LeaseRecord]

	rooms     map[string]*room    // channel → who is in
	byUser    map[string][]string // user → keys of its connections
	byGateway map[string]set      // gateway → connections attached there
	pending   set
	lingering set
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
		byGateway:   map[string]set{},
		pending:     set{},
		lingering:   set{},
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
func (r *Roster) ApplyChannel(row Row[contract.ChannelRecord]) { r.channels.apply(row) }

// ApplyLease takes a row of the leases bucket.
func (r *Roster) ApplyLease(row Row[contract.LeaseRecord]) { r.leases.apply(row) }

// ApplyConnection takes a row of the connections bucket.
func (r *Roster) ApplyConnection(row Row[contract.ConnectionRecord]) {
	before, taken := r.connections.apply(row)
	if !taken {
		return
	}
	nobody := contract.ConnectionRecord{}
	from, to := &nobody, &nobody
	if before != nil {
		from = before
	}
	if row.Record != nil {
		to = row.Record
	}
	r.moveState(row.Key, from, to)
	if from.User == to.User && slices.Equal(from.Channels, to.Channels) {
		return // an attach or detach, the most frequent change
	}
	for _, channel := range from.Channels {
		r.part(row.Key, from.User, channel)
	}
	for _, channel := range to.Channels {
		r.join(row.Key, to.User, channel)
	}
	if from.User != to.User || before == nil || row.Record == nil {
		r.moveUser(row.Key, before, row.Record)
	}
}

// Forget drops memory of removals that were already old at the last call.
func (r *Roster) Forget() {
	r.connections.forget()
	r.users.forget()
	r.channels.forget()
	r.leases.forget()
}

func (r *Roster) moveState(key string, from, to *contract.ConnectionRecord) {
	switch from.State {
	case contract.Pending:
		delete(r.pending, key)
	case contract.Lingering:
		delete(r.lingering, key)
	case contract.Attached:
		if here := r.byGateway[from.Gateway]; len(here) > 1 {
			delete(here, key)
		} else {
			delete(r.byGateway, from.Gateway)
		}
	}
	switch to.State {
	case contract.Pending:
		r.pending[key] = struct{}{}
	case contract.Lingering:
		r.lingering[key] = struct{}{}
	case contract.Attached:
		if r.byGateway[to.Gateway] == nil {
			r.byGateway[to.Gateway] = set{}
		}
		r.byGateway[to.Gateway][key] = struct{}{}
	}
}

func (r *Roster) moveUser(key string, before, after *contract.ConnectionRecord) {
	if before != nil {
		keys := r.byUser[before.User]
		if i := slices.Index(keys, key); len(keys) > 1 {
			r.byUser[before.User] = slices.Delete(keys, i, i+1)
		} else {
			delete(r.byUser, before.User)
		}
	}
	if after != nil {
		r.byUser[after.User] = append(r.byUser[after.User], key)
	}
}

func (r *Roster) join(key, user, channel string) {
	in := r.rooms[channel]
	if in == nil {
		in = &room{connections: set{}, users: map[string]int{}}
		r.rooms[channel] = in
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
	}
}

// Counts says how many there are of each.
type Counts struct {
	Connections, Channels int // Channels: with somebody in
	Present, Remembered   int // users with a connection; users known
}

// Counts counts.
func (r *Roster) Counts() Counts {
	return Counts{
		Connections: len(r.connections.rows), Channels: len(r.rooms),
		Present: len(r.byUser), Remembered: len(r.users.rows),
	}
}

// Pending gives the connections that have not opened yet.
func (r *Roster) Pending() iter.Seq[*contract.ConnectionRecord] {
	return r.records(maps.Keys(r.pending))
}

// Lingering gives the connections whose socket dropped.
func (r *Roster) Lingering() iter.Seq[*contract.ConnectionRecord] {
	return r.records(maps.Keys(r.lingering))
}

// At gives the connections attached at a gateway.
func (r *Roster) At(gateway string) iter.Seq[*contract.ConnectionRecord] {
	return r.records(maps.Keys(r.byGateway[gateway]))
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

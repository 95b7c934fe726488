package roster

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
)

// page collects the first names of a list, in order, without sorting the list: of many names most are passed over by one
// comparison.
type page struct {
	after  string
	search []byte // in lower case
	most   int    // one more than the page shows, which tells whether more follow
	bound  string
	names  []string // those below bound, at most twice as many as most
}

func newPage(q contract.Page) *page {
	limit := q.Limit
	if limit <= 0 {
		limit = contract.DefaultPage
	}
	return &page{after: q.After, search: bytes.ToLower([]byte(q.Search)), most: min(limit, contract.MaxPage) + 1}
}

// add takes names, in any order, and any of them twice.
func (p *page) add(names iter.Seq[string]) {
	for name := range names {
		switch {
		case name <= p.after, p.bound != "" && name >= p.bound:
		case len(p.search) > 0 && !p.finds(name):
		default:
			if p.names = append(p.names, name); len(p.names) == 2*p.most {
				p.cut()
			}
		}
	}
}

// finds says whether a name holds what is searched, in whatever case. Of many names few are so long, or so written, that it takes
// memory.
func (p *page) finds(name string) bool {
	var room [128]byte
	if len(name) > len(room) {
		return bytes.Contains(bytes.ToLower([]byte(name)), p.search)
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= utf8.RuneSelf:
			return bytes.Contains(bytes.ToLower([]byte(name)), p.search)
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		room[i] = c
	}
	return bytes.Contains(room[:len(name)], p.search)
}

func (p *page) cut() {
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	if len(p.names) >= p.most {
		p.names = p.names[:p.most]
		p.bound = p.names[p.most-1]
	}
}

// show calls entry for each name of the page, which gives about how many bytes it takes, until there are too many, and gives the
// name behind which more follow, or "".
func (p *page) show(entry func(name string) (bytes int)) (next string) {
	p.cut()
	left := contract.MaxPageBytes
	for i, name := range p.names {
		if i == p.most-1 || i > 0 && left <= 0 {
			return p.names[i-1]
		}
		left -= entry(name)
	}
	return ""
}

// ListChannels gives a page of the channels that somebody is in, or that were configured.
func (r *Roster) ListChannels(q contract.ListChannelsRequest) contract.ListChannelsAnswer {
	p := newPage(q.Page)
	if q.Name != "" {
		p.names = []string{q.Name}
	} else {
		p.add(maps.Keys(r.rooms))
		p.add(names(r.channels.rows, func(c *contract.ChannelRecord) string { return c.Name }))
	}
	answer := contract.ListChannelsAnswer{Channels: []contract.ListedChannel{}}
	answer.Next = p.show(func(name string) int {
		channel := r.listChannel(name)
		size := entrySize + len(name)
		if q.Whole {
			info := r.describeSome(name)
			channel.Info = &info
			size += 4 * channel.Connections // the work that it is counts too
		}
		answer.Channels = append(answer.Channels, channel)
		return size
	})
	return answer
}

// entrySize is about what an entry takes in a page beside the names in it.
const entrySize = 256

func (r *Roster) listChannel(name string) contract.ListedChannel {
	channel := contract.ListedChannel{Name: name, Settings: contract.DefaultChannelSettings()}
	if record := r.channels.rows[contract.EncodeToken(name)].Record; record != nil {
		channel.LongName, channel.Settings = record.LongName, record.Settings
	}
	if in := r.rooms[name]; in != nil {
		channel.Users, channel.Connections = len(in.users), len(in.connections)
	}
	return channel
}

// describeSome describes a channel, and names the first of its users.
func (r *Roster) describeSome(name string) contract.ChannelInfo {
	in := r.rooms[name]
	info := r.describeChannel(name, r.channels.rows[contract.EncodeToken(name)].Record, in, contract.InfoOptions{OmitUsers: true})
	if in != nil {
		info.TotalUsers, info.Users = len(in.users), firstNames(maps.Keys(in.users))
	}
	return info
}

func firstNames(names iter.Seq[string]) []string {
	p := &page{most: contract.MaxPageNames}
	p.add(names)
	p.cut()
	return append([]string{}, p.names...)
}

// names gives the names in a table. A key is the name itself unless something in that had to be written otherwise: so of most
// records nothing is read.
func names[R any](rows map[string]Row[R], nameOf func(*R) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key, row := range rows {
			name := key
			if !contract.IsName(key) {
				name = nameOf(row.Record)
			}
			if !yield(name) {
				return
			}
		}
	}
}

// ListUsers gives a page of the users that are known.
func (r *Roster) ListUsers(q contract.ListUsersRequest) contract.ListUsersAnswer {
	p := newPage(q.Page)
	switch {
	case q.Name != "" && r.isKnown(q.Name):
		p.names = []string{q.Name}
	case q.Name != "":
	case q.Present:
		p.add(maps.Keys(r.byUser))
	default:
		p.add(names(r.users.rows, func(u *contract.UserRecord) string { return u.User }))
	}
	none := map[string]json.RawMessage{}
	answer := contract.ListUsersAnswer{Users: []contract.ListedUser{}}
	answer.Next = p.show(func(name string) int {
		user, size := r.listUser(name, none)
		if q.Whole {
			user.ConnIDs = firstNames(r.connIDs(slices.Values(r.byUser[name])))
			size += len(user.ConnIDs) * 40 //nolint:mnd // a UUID and what is around it
		}
		answer.Users = append(answer.Users, user)
		return size
	})
	return answer
}

func (r *Roster) isKnown(user string) bool {
	return r.Present(user) || r.users.rows[contract.EncodeToken(user)].Record != nil
}

// listUser shows a user, and says about how long that is. none is the state of one who has none.
func (r *Roster) listUser(name string, none map[string]json.RawMessage) (contract.ListedUser, int) {
	user := contract.ListedUser{
		User: name, Status: DefaultStatus, State: none, PublicKeys: []string{}, Connections: len(r.byUser[name]),
	}
	size := entrySize + len(name)
	record := r.users.rows[contract.EncodeToken(name)].Record
	if record == nil {
		return user, size
	}
	user.Status, user.LastActive = record.Status, timestamp(record.LastActive)
	if record.State != nil {
		user.State = record.State
	}
	if record.PublicKeys != nil {
		user.PublicKeys = record.PublicKeys
	}
	for key, value := range record.State {
		size += len(key) + len(value)
	}
	return user, size
}

// connIDs gives the ids of connections by their keys.
func (r *Roster) connIDs(keys iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range keys {
			id := key
			if !contract.IsName(key) {
				id = r.connections.rows[key].Record.ConnID
			}
			if !yield(id) {
				return
			}
		}
	}
}

// ListConnections gives a page of connections.
func (r *Roster) ListConnections(q contract.ListConnectionsRequest) contract.ListConnectionsAnswer {
	q.Search = ""
	p := newPage(q.Page)
	p.add(r.connIDs(r.chosen(q.User, q.Channel)))
	answer := contract.ListConnectionsAnswer{Connections: []contract.ListedConnection{}}
	answer.Next = p.show(func(id string) int {
		c := r.connections.rows[contract.EncodeToken(id)].Record
		answer.Connections = append(answer.Connections, listConnection(c))
		size := entrySize + len(c.User)
		for _, channel := range c.Channels {
			size += len(channel)
		}
		return size
	})
	return answer
}

// chosen gives the keys of the connections of a user, of those in a channel, of those that are both, or of all.
func (r *Roster) chosen(user, channel string) iter.Seq[string] {
	var in set
	if room := r.rooms[channel]; room != nil {
		in = room.connections
	}
	switch {
	case user == "" && channel == "":
		return maps.Keys(r.connections.rows)
	case user == "":
		return maps.Keys(in)
	}
	return func(yield func(string) bool) {
		for _, keys := range [][]string{r.byUser[user], r.dormant[user]} {
			for _, key := range keys {
				if _, is := in[key]; (is || channel == "") && !yield(key) {
					return
				}
			}
		}
	}
}

func listConnection(c *contract.ConnectionRecord) contract.ListedConnection {
	return contract.ListedConnection{
		ConnID: c.ConnID, User: c.User, Channels: append([]string{}, c.Channels...), State: c.State, Gateway: c.Gateway,
		Transport: c.Transport, Since: timestamp(c.Since),
	}
}

// Overview counts all, and shows the processes that live; now is the time.
func (r *Roster) Overview(now time.Time) contract.OverviewAnswer {
	counts := r.Counts()
	a := contract.OverviewAnswer{
		UniqueUsers: counts.Present, RememberedUsers: counts.Remembered, TotalConnections: counts.Connections, Dormant: counts.Dormant,
		TotalChannels: counts.Channels + r.vacant, Instances: r.instances(),
	}
	for lease := range r.Leases() {
		a.TotalMessages += lease.Load.Delivered
		a.TotalUniqueMessages += lease.Load.Accepted
		a.Uptime = max(a.Uptime, now.Sub(lease.Started).Seconds())
	}
	return a
}

// instances are the processes that hold leases. A replica of presence that leads has two; an older one has that of the leader alone.
func (r *Roster) instances() []contract.Instance {
	all := []contract.Instance{}
	leader := r.leases.rows[contract.KeyLeader].Record
	if leader != nil && r.leases.rows[contract.LeaseKey(contract.LeasePresence, leader.ID)].Record == nil {
		all = append(all, instance(leader, leader))
	}
	for key, row := range r.leases.rows {
		if key != contract.KeyLeader {
			all = append(all, instance(row.Record, leader))
		}
	}
	slices.SortFunc(all, func(a, b contract.Instance) int {
		if a.Service != b.Service {
			return strings.Compare(string(a.Service), string(b.Service))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

func instance(lease, leader *contract.LeaseRecord) contract.Instance {
	i := contract.Instance{
		Service: lease.Kind, ID: lease.ID, Version: lease.Version, Address: lease.Address, Sessions: lease.Load.Sessions,
		Delivered: lease.Load.Delivered, Accepted: lease.Load.Accepted, Contract: lease.Contract, Started: timestamp(lease.Started),
	}
	if !lease.Renewed.IsZero() {
		i.Renewed = timestamp(lease.Renewed)
	}
	if lease == leader {
		i.Service = contract.LeasePresence
	}
	i.Leads = i.Service == contract.LeasePresence && leader != nil && lease.ID == leader.ID
	return i
}

func timestamp(t time.Time) string { return t.UTC().Format(contract.TimestampLayout) }

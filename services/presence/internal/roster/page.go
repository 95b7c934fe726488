package roster

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// page collects the first names of a list, in order, without sorting the list: of many names most are passed over by one
// comparison.
type page struct {
	after, search string
	most          int // one more than the page shows, which tells whether more follow
	bound         string
	names         []string // those below bound, at most twice as many as most
}

func newPage(q contract.Page) *page {
	limit := q.Limit
	if limit <= 0 {
		limit = contract.DefaultPage
	}
	return &page{after: q.After, search: strings.ToLower(q.Search), most: min(limit, contract.MaxPage) + 1}
}

// add takes names, each of which comes once.
func (p *page) add(names iter.Seq[string]) {
	for name := range names {
		switch {
		case name <= p.after, p.bound != "" && name >= p.bound:
		case p.search != "" && !strings.Contains(strings.ToLower(name), p.search):
		default:
			if p.names = append(p.names, name); len(p.names) == 2*p.most {
				p.cut()
			}
		}
	}
}

func (p *page) cut() {
	slices.Sort(p.names)
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
		p.add(r.empty())
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

// empty gives the channels that were configured and that nobody is in.
func (r *Roster) empty() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, row := range r.channels.rows {
			if name := row.Record.Name; r.rooms[name] == nil && !yield(name) {
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
		p.add(r.known())
	}
	none := map[string]json.RawMessage{}
	answer := contract.ListUsersAnswer{Users: []contract.ListedUser{}}
	answer.Next = p.show(func(name string) int {
		user, size := r.listUser(name, none)
		if q.Whole {
			user.ConnIDs = firstNames(r.connIDs(r.byUser[name]))
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

func (r *Roster) known() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, row := range r.users.rows {
			if !yield(row.Record.User) {
				return
			}
		}
	}
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

func (r *Roster) connIDs(keys []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for c := range r.records(slices.Values(keys)) {
			if !yield(c.ConnID) {
				return
			}
		}
	}
}

// ListConnections gives a page of connections.
func (r *Roster) ListConnections(q contract.ListConnectionsRequest) contract.ListConnectionsAnswer {
	q.Search = ""
	p := newPage(q.Page)
	p.add(func(yield func(string) bool) {
		for c := range r.chosen(q.User, q.Channel) {
			if !yield(c.ConnID) {
				return
			}
		}
	})
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

// chosen gives the connections of a user, those in a channel, those that are both, or all.
func (r *Roster) chosen(user, channel string) iter.Seq[*contract.ConnectionRecord] {
	var in set
	if room := r.rooms[channel]; room != nil {
		in = room.connections
	}
	switch {
	case user == "" && channel == "":
		return r.all()
	case user == "":
		return r.records(maps.Keys(in))
	}
	return r.records(func(yield func(string) bool) {
		for _, keys := range [][]string{r.byUser[user], r.dormant[user]} {
			for _, key := range keys {
				if _, is := in[key]; (is || channel == "") && !yield(key) {
					return
				}
			}
		}
	})
}

func (r *Roster) all() iter.Seq[*contract.ConnectionRecord] {
	return func(yield func(*contract.ConnectionRecord) bool) {
		for _, row := range r.connections.rows {
			if !yield(row.Record) {
				return
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
		TotalChannels: counts.Channels, Instances: r.instances(),
	}
	for range r.empty() {
		a.TotalChannels++
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

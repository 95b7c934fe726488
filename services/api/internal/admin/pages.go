package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// rows is how many entries of a list one page has.
const rows = 50

// homeView is the overview.
type homeView struct {
	Totals contract.OverviewAnswer
	Uptime string
	Charts []Chart
	Stores []Store
}

func (p *Page) look(r *http.Request) (homeView, error) {
	overview, err := p.config.Reader.Overview(r.Context())
	if err != nil {
		return homeView{}, err
	}
	now := time.Now()
	kept := p.samples.look()
	samples := append(kept, sampleOf(now, overview))
	if len(kept) < 2 { // a rate of a moment ago jumps
		kept = samples
	}
	uptime := time.Duration(overview.Uptime) * time.Second
	return homeView{Totals: overview, Uptime: uptime.String(), Stores: p.config.Stores(), Charts: []Chart{
		newChart("Connections", "", levels(samples, func(s sample) int { return s.connections }), now),
		newChart("Users", "", levels(samples, func(s sample) int { return s.users }), now),
		newChart("Messages", "/s", rates(kept, func(s sample) uint64 { return s.accepted }), now),
		newChart("Deliveries", "/s", rates(kept, func(s sample) uint64 { return s.delivered }), now),
	}}, nil
}

func (p *Page) home(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "home", "Overview", v)
}

// live is what moves on the overview, for its script.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	v, err := p.look(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.write(w, r, http.StatusOK, "home", "live", frame{Base: baseOf(r), Data: v})
}

// listView is a list with a search.
type listView struct {
	Search, After, Next string
	Channels            []contract.ListedChannel
	Users               []contract.ListedUser
}

// asked is the page of a list that a request chooses.
func asked(r *http.Request) contract.Page {
	query := r.URL.Query()
	return contract.Page{After: query.Get("after"), Search: query.Get("search"), Limit: rows}
}

func (p *Page) channels(w http.ResponseWriter, r *http.Request) {
	page := asked(r)
	answer, err := p.config.Reader.Channels(r.Context(), contract.ListChannelsRequest{Page: page})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "channels", "Channels", listView{Search: page.Search, After: page.After, Next: answer.Next, Channels: answer.Channels})
}

func (p *Page) users(w http.ResponseWriter, r *http.Request) {
	page := asked(r)
	answer, err := p.config.Reader.Users(r.Context(), contract.ListUsersRequest{Page: page})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "users", "Users", listView{Search: page.Search, After: page.After, Next: answer.Next, Users: answer.Users})
}

// membersView is a page of connections.
type membersView struct {
	Connections []contract.ListedConnection
	After, Next string
	Channel     string // whose page it is; "" for that of a user
	Path, Name  string // of the page, for its links
}

func (p *Page) members(r *http.Request, q contract.ListConnectionsRequest) (membersView, error) {
	q.Page = contract.Page{After: r.URL.Query().Get("after"), Limit: rows}
	answer, err := p.config.Reader.Connections(r.Context(), q)
	v := membersView{Connections: answer.Connections, After: q.After, Next: answer.Next, Channel: q.Channel, Path: pathUser, Name: q.User}
	if q.Channel != "" {
		v.Path, v.Name = pathChannel, q.Channel
	}
	return v, err
}

// channelView is one channel.
type channelView struct {
	Channel contract.ListedChannel
	Form    settingsForm
	Message string // that was to be posted
	Faults  []string
	Members membersView
	History []historyEntry
}

// historyEntry is a message that a channel shows.
type historyEntry struct {
	UUID      string          `json:"uuid"`
	User      string          `json:"user"`
	Timestamp string          `json:"timestamp"`
	Message   json.RawMessage `json:"message"`
	Edited    *string         `json:"edited"`
}

// shownHistory is how many messages the page of a channel shows, the newest first.
const shownHistory = 50

func (p *Page) channel(w http.ResponseWriter, r *http.Request) {
	p.showChannel(w, r, http.StatusOK, r.URL.Query().Get("name"), nil)
}

// showChannel shows a channel, with what change makes of the view.
func (p *Page) showChannel(w http.ResponseWriter, r *http.Request, status int, name string, change func(*channelView)) {
	if name == "" {
		see(w, r, http.StatusFound, pathChannels)
		return
	}
	channel, err := p.oneChannel(r, name)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	v := channelView{Channel: channel, Form: formOf(channel)}
	if v.Members, err = p.members(r, contract.ListConnectionsRequest{Channel: name}); err != nil {
		p.fail(w, r, err)
		return
	}
	if v.History, err = p.history(r, name); err != nil {
		p.fail(w, r, err)
		return
	}
	if change != nil {
		change(&v)
	}
	p.show(w, r, status, "channel", name, v)
}

func (p *Page) oneChannel(r *http.Request, name string) (contract.ListedChannel, error) {
	answer, err := p.config.Reader.Channels(r.Context(), contract.ListChannelsRequest{Name: name})
	if err != nil || len(answer.Channels) == 0 {
		return contract.ListedChannel{Name: name, Settings: contract.DefaultChannelSettings()}, err
	}
	return answer.Channels[0], nil
}

func (p *Page) history(r *http.Request, name string) ([]historyEntry, error) {
	messages, err := p.config.Reader.History(r.Context(), name)
	if err != nil {
		return nil, err
	}
	var shown []historyEntry
	for i := len(messages) - 1; i >= 0 && len(shown) < shownHistory; i-- {
		var entry historyEntry
		if err := json.Unmarshal(messages[i], &entry); err != nil {
			entry.Message = messages[i]
		}
		shown = append(shown, entry)
	}
	return shown, nil
}

// userView is one user.
type userView struct {
	User    contract.ListedUser
	Public  map[string]json.RawMessage
	Members membersView
}

func (p *Page) user(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	answer, err := p.config.Reader.Users(r.Context(), contract.ListUsersRequest{Name: name})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if name == "" || len(answer.Users) == 0 {
		p.refuse(w, r, http.StatusNotFound, "This user is not known, or not any more.")
		return
	}
	v := userView{User: answer.Users[0], Public: answer.Users[0].PublicState()}
	if v.Members, err = p.members(r, contract.ListConnectionsRequest{User: name}); err != nil {
		p.fail(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "user", name, v)
}

package admin

import (
	"encoding/json"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/contract"
)

// settingsForm is the form of a channel's settings, as it was filled in.
type settingsForm struct {
	LongName, HistorySize                                                 string
	StoreHistory, StoreFrames, NotifyPresence, PresenceLists, NotifyState bool
}

func formOf(c contract.ListedChannel) settingsForm {
	size, _ := json.Marshal(c.Settings.HistorySize) // a number
	f := settingsForm{
		HistorySize: string(size), StoreHistory: c.Settings.StoreHistory, StoreFrames: c.Settings.StoreFrames,
		NotifyPresence: c.Settings.NotifyPresence, PresenceLists: c.Settings.BroadcastPresenceWithUserLists, NotifyState: c.Settings.NotifyState,
	}
	if c.LongName != nil {
		f.LongName = *c.LongName
	}
	return f
}

func filledIn(form url.Values) settingsForm {
	return settingsForm{
		LongName: form.Get("long_name"), HistorySize: form.Get("history_size"), StoreHistory: form.Has("store_history"),
		StoreFrames: form.Has("store_frames"), NotifyPresence: form.Has("notify_presence"),
		PresenceLists: form.Has("broadcast_presence_with_user_lists"), NotifyState: form.Has("notify_state"),
	}
}

// config is the form as /channel_config takes it.
func (f settingsForm) config() map[string]any {
	config := map[string]any{
		"history_size": f.HistorySize, "store_history": f.StoreHistory, "store_frames": f.StoreFrames,
		"notify_presence": f.NotifyPresence, "broadcast_presence_with_user_lists": f.PresenceLists, "notify_state": f.NotifyState,
	}
	if f.LongName != "" {
		config["long_name"] = f.LongName
	}
	return config
}

// configure gives a channel the settings of the form.
func (p *Page) configure(w http.ResponseWriter, r *http.Request) {
	name, form := r.PostForm.Get("name"), filledIn(r.PostForm)
	err := p.config.App.Do(r, "/channel_config", map[string]any{name: form.config()})
	if err != nil {
		status, faults := p.judge(r, err)
		p.showChannel(w, r, status, name, func(v *channelView) { v.Form, v.Faults = form, faults })
		return
	}
	p.log.InfoContext(r.Context(), "an operator changed the settings of a channel", "operator", sessionOf(r).User)
	p.toChannel(w, r, name, "saved")
}

// post posts a message to a channel: what is JSON as such, and anything else as text.
func (p *Page) post(w http.ResponseWriter, r *http.Request) {
	name, text := r.PostForm.Get("name"), r.PostForm.Get("message")
	var message any = text
	if json.Valid([]byte(text)) {
		message = json.RawMessage(text)
	}
	user := sessionOf(r).User
	if contract.OfDemo(name) {
		user = contract.DemoPrefix + user
	}
	if err := p.config.App.Do(r, "/message", map[string]any{"channel": name, "user": user, "message": message}); err != nil {
		status, faults := p.judge(r, err)
		p.showChannel(w, r, status, name, func(v *channelView) { v.Message, v.Faults = text, faults })
		return
	}
	p.toChannel(w, r, name, "posted")
}

func (p *Page) toChannel(w http.ResponseWriter, r *http.Request, name, word string) {
	see(w, r, http.StatusSeeOther, pathChannel+"?"+url.Values{"name": {name}, "done": {word}}.Encode())
}

// disconnect ends a connection, or all of a user, and goes back to the page of the channel or user that the form was on.
func (p *Page) disconnect(w http.ResponseWriter, r *http.Request) {
	id, user, channel := r.PostForm.Get("conn_id"), r.PostForm.Get("user"), r.PostForm.Get("channel")
	word, err := "disconnected", error(nil)
	if id != "" {
		err = p.config.App.Do(r, "/disconnect", map[string]any{"conn_id": id})
	} else {
		word, err = "all", p.disconnectAll(r, user)
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.log.InfoContext(r.Context(), "an operator closed connections", "operator", sessionOf(r).User)
	if channel != "" {
		p.toChannel(w, r, channel, word)
		return
	}
	see(w, r, http.StatusSeeOther, pathUser+"?"+url.Values{"name": {user}, "done": {word}}.Encode())
}

// closeAtOnce is how many connections of a user are closed at a time.
const closeAtOnce = 16

// disconnectAll ends the connections that a user has now, the dormant ones too.
func (p *Page) disconnectAll(r *http.Request, user string) error {
	if user == "" {
		return contract.Invalid("user", "This field is required.")
	}
	for after := ""; ; {
		answer, err := p.config.Reader.Connections(r.Context(), contract.ListConnectionsRequest{
			User: user, Page: contract.Page{After: after, Limit: contract.MaxPage},
		})
		if err != nil {
			return err
		}
		var group errgroup.Group
		group.SetLimit(closeAtOnce)
		for _, c := range answer.Connections {
			group.Go(func() error { return p.config.App.Do(r, "/disconnect", map[string]any{"conn_id": c.ConnID}) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if after = answer.Next; after == "" {
			return nil
		}
	}
}

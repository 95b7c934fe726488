package demo

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/contract"
)

// none is a request without content: {}.
type none struct{}

type connectRequest struct {
	Username string `json:"username"`
	// Resume takes up the connection of the session that comes with the request, which the server may have
	// forgotten, in place of a new one.
	Resume bool `json:"resume"`
}

// connected is all that a page needs to open its socket.
type connected struct {
	User          string        `json:"user"`
	Status        client.Status `json:"status"`
	ConnID        string        `json:"conn_id"`
	Token         string        `json:"token"`   // for the Authorization header of all further requests
	Sig           string        `json:"sig"`     // for Socket.IO, of the user's name with the prefix
	Prefix        string        `json:"prefix"`  // of users and channels at the gateway; all other names here are without it
	Gateway       string        `json:"gateway"` // empty: where the page comes from
	Channels      []string      `json:"channels"`
	Public        []string      `json:"public_channels"`
	NotifyChannel string        `json:"notify_channel"`
}

// connect lets a visitor in. It is the one request that needs no session, but looks at one: who has been here with
// the same name may come back while the name is in use.
func (d *Demo) connect(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	in, err := decode[connectRequest](w, r)
	if err != nil {
		d.answer(ctx, w, nil, err)
		return
	}
	who, _ := d.sessions.of(r) // none is as good as a new visitor's
	out, err := d.letIn(ctx, who, in)
	d.answer(ctx, w, out, err)
}

func (d *Demo) letIn(ctx context.Context, who session, in connectRequest) (any, error) {
	name, err := userName(in.Username)
	if err != nil {
		return nil, err
	}
	connID := ""
	if who.User != name {
		if err := d.free(ctx, name); err != nil {
			return nil, err
		}
	} else if in.Resume {
		connID = who.ConnID
	}
	public := []string{firstChannel, secondChannel}
	heard := ownedAll(public...)
	conn, err := d.api.Connect(ctx, client.Connect{
		User: owned(name), ConnID: connID, Channels: heard, ChannelConfigs: announced(heard),
	})
	if err != nil {
		return nil, err
	}
	token, err := d.sessions.issue(name, conn.ConnID)
	if err != nil {
		return nil, err
	}
	return connected{
		User: name, Status: conn.Status, ConnID: conn.ConnID, Token: token, Sig: d.api.UserSignature(owned(name)),
		Prefix: contract.DemoPrefix, Gateway: d.gateway,
		Channels: shownAll(conn.Channels), Public: public, NotifyChannel: notifyChannel,
	}, nil
}

// free refuses a name in use: its visitor's private messages would reach the newcomer too. Two who come at the same
// moment both get the name; an app with accounts has no such gap.
func (d *Demo) free(ctx context.Context, name string) error {
	info, err := d.api.Info(ctx, ownedAll(channels()...)...)
	if err != nil {
		return err
	}
	for _, channel := range info.Channels {
		if slices.Contains(channel.Users, owned(name)) {
			return faultNameTaken
		}
	}
	return nil
}

// announced makes channels tell who joined and who parted.
func announced(channels []string) map[string]client.ChannelConfig {
	configs := make(map[string]client.ChannelConfig, len(channels))
	for _, channel := range channels {
		configs[channel] = client.ChannelConfig{NotifyPresence: true}
	}
	return configs
}

type subscribeRequest struct {
	Channel string `json:"channel"`
	// Join only lets the user join: a Socket.IO page does the joining itself.
	Join bool `json:"join"`
}

type channelsAnswer struct {
	Channels []string `json:"channels"`
}

func (d *Demo) subscribe(ctx context.Context, who session, in subscribeRequest) (any, error) {
	wanted, err := offered(in.Channel)
	if err != nil {
		return nil, err
	}
	request := client.Subscribe{ConnID: who.ConnID, Channels: wanted, ChannelConfigs: announced(wanted)}
	if in.Join {
		request = client.Subscribe{User: owned(who.User), Channels: wanted, ChannelConfigs: announced(wanted)}
	}
	out, err := d.api.Subscribe(ctx, request)
	if err != nil {
		return nil, err
	}
	return channelsAnswer{shownAll(out.Channels)}, nil
}

type unsubscribeRequest struct {
	Channel string `json:"channel"`
}

func (d *Demo) unsubscribe(ctx context.Context, who session, in unsubscribeRequest) (any, error) {
	left, err := offered(in.Channel)
	if err != nil {
		return nil, err
	}
	out, err := d.api.Unsubscribe(ctx, client.Unsubscribe{ConnID: who.ConnID, Channels: left})
	if err != nil {
		return nil, err
	}
	return channelsAnswer{shownAll(out.Channels)}, nil
}

type messageRequest struct {
	Channel string `json:"channel"` // or
	To      string `json:"to"`      // a user's name
	Text    string `json:"text"`
}

// content is the demo's own message object. To tells the pages of a private message's sender whose conversation it
// belongs to.
type content struct {
	Text string `json:"text"`
	To   string `json:"to,omitempty"`
}

type messageAnswer struct {
	UUID string `json:"uuid"`
}

func (d *Demo) message(ctx context.Context, who session, in messageRequest) (any, error) {
	text, err := messageText(in.Text)
	if err != nil {
		return nil, err
	}
	message := client.Message{User: owned(who.User), Message: content{Text: text}}
	if in.To != "" && in.Channel == "" {
		err = private(&message, in.To, text)
	} else {
		err = d.public(ctx, &message, in)
	}
	if err != nil {
		return nil, err
	}
	out, err := d.api.Publish(ctx, message)
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		return nil, &fault{http.StatusBadGateway, "api_failed", "The server did not accept this."}
	}
	return messageAnswer{out[0].UUID}, nil
}

func private(message *client.Message, to, text string) error {
	name, err := userName(to)
	if err != nil {
		return err
	}
	message.PMUsers = []string{owned(name)}
	if owned(name) != message.User { // the sender's other pages show it too
		message.PMUsers = append(message.PMUsers, message.User)
	}
	message.Message = content{Text: text, To: name}
	return nil
}

func (d *Demo) public(ctx context.Context, message *client.Message, in messageRequest) error {
	if in.To != "" {
		return invalid("A message goes to a channel or to a user, not to both.")
	}
	channel, err := channelName(in.Channel)
	if err != nil {
		return err
	}
	message.Channel = owned(channel)
	if channel != notifyChannel {
		return nil
	}
	info, err := d.api.Info(ctx, message.Channel)
	if err != nil {
		return err
	}
	if !slices.Contains(info.Channels[message.Channel].Users, message.User) {
		return invalid("Ask for the notify channel before you write there.")
	}
	return nil
}

type statusMessage struct {
	Status client.Status `json:"status"`
}

func (d *Demo) status(ctx context.Context, who session, in statusMessage) (any, error) {
	status, err := userStatus(in.Status)
	if err != nil {
		return nil, err
	}
	out, err := d.api.UserStatus(ctx, owned(who.User), status)
	if err != nil {
		return nil, err
	}
	return statusMessage{out.Status}, nil
}

// person is a user who is here.
type person struct {
	Name     string        `json:"name"`
	Status   client.Status `json:"status"`
	Channels []string      `json:"channels"`
}

type peopleAnswer struct {
	People []person `json:"people"` // sorted by name
}

func (d *Demo) people(ctx context.Context, _ session, _ none) (any, error) {
	info, err := d.api.Info(ctx, ownedAll(channels()...)...)
	if err != nil {
		return nil, err
	}
	in := make(map[string][]string)
	for _, name := range channels() {
		for _, user := range info.Channels[owned(name)].Users {
			in[user] = append(in[user], name)
		}
	}
	status := make(map[string]client.Status, len(info.Users))
	for _, user := range info.Users {
		status[user.User] = user.Status
	}
	people := make([]person, 0, len(in))
	for name, channels := range in {
		people = append(people, person{Name: shown(name), Status: status[name], Channels: channels})
	}
	slices.SortFunc(people, func(a, b person) int { return strings.Compare(a.Name, b.Name) })
	return peopleAnswer{people}, nil
}

type leaveAnswer struct {
	Known bool `json:"known"`
}

func (d *Demo) leave(ctx context.Context, who session, _ none) (any, error) {
	known, err := d.api.Disconnect(ctx, who.ConnID)
	if err != nil {
		return nil, err
	}
	return leaveAnswer{known}, nil
}

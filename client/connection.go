package client

import "context"

// Connect is the request of Client.Connect. Only User is required.
type Connect struct {
	// User is the user's name, 1 to 512 characters.
	User string `json:"user"`
	// ConnID is any unguessable string of 1 to 128 characters; empty lets the API make a UUID.
	ConnID string `json:"conn_id,omitempty"`
	// Channels are the channels the connection hears from the start, and which the user may join.
	Channels []string `json:"channels,omitempty"`
	// Status sets the user's status; nil leaves it as it is.
	Status *Status `json:"status,omitempty"`
	// FreshUserState is the state of a user that is not known yet; ignored for others.
	FreshUserState map[string]any `json:"fresh_user_state,omitempty"`
	// UserState is merged into the user's state. Values are strings, numbers and booleans.
	UserState map[string]any `json:"user_state,omitempty"`
	// StatePublicKeys are the keys of the state that other users may see.
	StatePublicKeys []string `json:"state_public_keys,omitempty"`
	// ChannelConfigs are the settings of those Channels that do not exist yet.
	ChannelConfigs map[string]ChannelConfig `json:"channel_configs,omitempty"`
	// Info chooses what the answer tells about the channels.
	Info *InfoOptions `json:"info,omitempty"`
}

// ChannelConfig is the settings of a channel. The zero value is not the default: see StoreFrames.
type ChannelConfig struct {
	// NotifyPresence tells the channel who joined and who parted.
	NotifyPresence bool `json:"notify_presence,omitempty"`
	// StoreHistory keeps the channel's last messages. What was kept stays when it is switched off.
	StoreHistory bool `json:"store_history,omitempty"`
	// HistorySize is how many messages are shown; nil for the default of 10, 0 for as many as the server keeps.
	HistorySize *int `json:"history_size,omitempty"`
	// BroadcastPresenceWithUserLists adds the list of users to what NotifyPresence tells.
	BroadcastPresenceWithUserLists bool `json:"broadcast_presence_with_user_lists,omitempty"`
	// NotifyState tells the channel of changes in its users' public state.
	NotifyState bool `json:"notify_state,omitempty"`
	// StoreFrames lets a client that lost its connection go on where it stopped; nil for the default, true.
	StoreFrames *bool `json:"store_frames,omitempty"`
	// LongName is the channel's name for people.
	LongName string `json:"long_name,omitempty"`
}

// Connection is the answer of Client.Connect.
type Connection struct {
	// ConnID opens the connection's socket (/ws?conn_id=...): keep it between the app and that one client.
	ConnID string `json:"conn_id"`
	// User is the user's name.
	User string `json:"user"`
	// Status, State and PublicState are the user's, after this call.
	Status      Status         `json:"status"`
	State       map[string]any `json:"state"`
	PublicState map[string]any `json:"public_state"`
	// Channels are all channels of the connection, sorted.
	Channels []string `json:"channels"`
	// ChannelsInfo tells about Channels.
	ChannelsInfo ChannelsInfo `json:"channels_info"`
	// InForce is false if a gateway did not answer in time: what was asked for is stored, and takes effect on the sockets that
	// it holds when it can be reached again. Otherwise it is nil.
	InForce *bool `json:"in_force"`
}

// Connect makes the user known and registers a connection, which its client then opens within the API's
// connect timeout (default 30 s). The same ConnID with the same user again only adds channels; with another user it
// fails with an *Error of status 409.
func (c *Client) Connect(ctx context.Context, in Connect) (*Connection, error) {
	var out Connection
	if err := c.call(ctx, "/connect", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Subscribe is the request of Client.Subscribe: Channels, and one of ConnID and User.
type Subscribe struct {
	// ConnID is the connection that shall hear the channels from now on.
	ConnID string `json:"conn_id,omitempty"`
	// User, in place of ConnID, is a user who may join the channels from now on.
	User string `json:"user,omitempty"`
	// Channels are the channels to add, at least one.
	Channels []string `json:"channels"`
	// ChannelConfigs are the settings of those Channels that do not exist yet.
	ChannelConfigs map[string]ChannelConfig `json:"channel_configs,omitempty"`
	// Info chooses what the answer tells about the channels.
	Info *InfoOptions `json:"info,omitempty"`
}

// Subscribed is the answer of Client.Subscribe.
type Subscribed struct {
	// Channels are all channels of the connection, or all that the user may join, sorted.
	Channels []string `json:"channels"`
	// ChannelsInfo tells about Channels. Empty for a request with User.
	ChannelsInfo ChannelsInfo `json:"channels_info"`
	// SubscribedTo are the channels that were added. Empty for a request with User.
	SubscribedTo []string `json:"subscribed_to"`
	// InForce is false if a gateway did not answer in time: what was asked for is stored, and takes effect on the sockets that
	// it holds when it can be reached again. Otherwise it is nil.
	InForce *bool `json:"in_force"`
}

// Subscribe adds channels to an open connection, wherever its socket is: a message posted after the answer is
// delivered to it, unless InForce says otherwise. An unknown connection is an *Error of status 422 with the field conn_id.
func (c *Client) Subscribe(ctx context.Context, in Subscribe) (*Subscribed, error) {
	var out Subscribed
	if err := c.call(ctx, "/subscribe", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Unsubscribe is the request of Client.Unsubscribe: Channels, and one of ConnID and User.
type Unsubscribe struct {
	// ConnID is the connection that shall no longer hear the channels. Its user may not join them any more either.
	ConnID string `json:"conn_id,omitempty"`
	// User, in place of ConnID, is a user who may not join the channels any more, and whose connections all leave them.
	User string `json:"user,omitempty"`
	// Channels are the channels to leave, at least one.
	Channels []string `json:"channels"`
	// Info chooses what the answer tells about the channels that remain.
	Info *InfoOptions `json:"info,omitempty"`
}

// Unsubscribed is the answer of Client.Unsubscribe.
type Unsubscribed struct {
	// Channels are the channels that remain of the connection, or those that the user may still join, sorted.
	Channels []string `json:"channels"`
	// ChannelsInfo tells about Channels. Empty for a request with User.
	ChannelsInfo ChannelsInfo `json:"channels_info"`
	// UnsubscribedFrom are the channels that the connection, or one of the user's, was in and has left.
	UnsubscribedFrom []string `json:"unsubscribed_from"`
	// InForce is false if a gateway did not answer in time: what was asked for is stored, and takes effect on the sockets that
	// it holds when it can be reached again. Otherwise it is nil.
	InForce *bool `json:"in_force"`
}

// Unsubscribe takes channels off a connection, or off a user and all its connections, wherever their sockets are: nothing
// that is posted to them after the answer is delivered, unless InForce says otherwise. A name that is not known is an *Error of status 422.
func (c *Client) Unsubscribe(ctx context.Context, in Unsubscribe) (*Unsubscribed, error) {
	var out Unsubscribed
	if err := c.call(ctx, "/unsubscribe", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// Disconnect closes a connection's socket and takes the connection out of its channels at once. It says whether
// the connection was known.
func (c *Client) Disconnect(ctx context.Context, connID string) (known bool, err error) {
	in := struct {
		ConnID string `json:"conn_id"`
	}{connID}
	err = c.call(ctx, "/disconnect", in, &known)
	return known, err
}

// Configure gives channels their settings, by name, in place of those they have: what a ChannelConfig leaves out goes
// back to its default. Messages posted to the same API after it obey the new settings. The answer tells about these
// channels, without their history and users.
func (c *Client) Configure(ctx context.Context, channels map[string]ChannelConfig) (*ChannelsInfo, error) {
	if channels == nil {
		channels = map[string]ChannelConfig{}
	}
	var out ChannelsInfo
	if err := c.call(ctx, "/channel_config", channels, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

package client

import (
	"context"
	"encoding/json"
)

// InfoOptions chooses what Info and the answers of Connect, Subscribe and Unsubscribe tell. A nil field keeps the
// API's default for it.
type InfoOptions struct {
	// Channels are the channels to tell about; none means all.
	Channels []string `json:"channels,omitempty"`
	// ExcludeChannels are channels to leave out.
	ExcludeChannels []string `json:"exclude_channels,omitempty"`
	// IncludeHistory tells the channels' kept messages.
	IncludeHistory *bool `json:"include_history,omitempty"`
	// IncludeUsers tells who is in the channels.
	IncludeUsers *bool `json:"include_users,omitempty"`
	// IncludeConnections tells the users' connection ids.
	IncludeConnections *bool `json:"include_connections,omitempty"`
	// ReturnPublicState tells only that part of the users' state that other users may see.
	ReturnPublicState *bool `json:"return_public_state,omitempty"`
}

// ChannelsInfo is what is known about some channels and the users in them.
type ChannelsInfo struct {
	// Channels by name.
	Channels map[string]Channel `json:"channels"`
	// Users are the users in those channels.
	Users []User `json:"users"`
}

// Channel is one channel.
type Channel struct {
	UUID     string          `json:"uuid"`
	Name     string          `json:"name"`
	LongName string          `json:"long_name"`
	Settings ChannelSettings `json:"settings"`
	// History holds the kept messages, oldest first, with their edits in them: the keys that clients got, and beside
	// them those that decided who did (pm_users, exclude_users, no_history).
	History []json.RawMessage `json:"history"`
	// HistoryTruncated says that older messages found no room in the answer.
	HistoryTruncated bool `json:"history_truncated"`
	// LastActive is the time of the last message, ISO 8601 in UTC.
	LastActive       string `json:"last_active"`
	TotalConnections int    `json:"total_connections"`
	TotalUsers       int    `json:"total_users"`
	// Users are the names of the users in the channel, sorted.
	Users []string `json:"users"`
}

// ChannelSettings is the settings of a channel as they are in force; ChannelConfig says what they mean.
type ChannelSettings struct {
	NotifyPresence                 bool `json:"notify_presence"`
	StoreHistory                   bool `json:"store_history"`
	HistorySize                    int  `json:"history_size"`
	BroadcastPresenceWithUserLists bool `json:"broadcast_presence_with_user_lists"`
	NotifyState                    bool `json:"notify_state"`
	StoreFrames                    bool `json:"store_frames"`
}

// Config is the channel's settings in the form that Configure takes: what is not changed in it stays as it is.
func (c Channel) Config() ChannelConfig {
	s := c.Settings
	return ChannelConfig{
		NotifyPresence: s.NotifyPresence, StoreHistory: s.StoreHistory, HistorySize: &s.HistorySize,
		BroadcastPresenceWithUserLists: s.BroadcastPresenceWithUserLists, NotifyState: s.NotifyState,
		StoreFrames: &s.StoreFrames, LongName: c.LongName,
	}
}

// User is one user.
type User struct {
	User   string         `json:"user"`
	Status Status         `json:"status"`
	State  map[string]any `json:"state"`
	// Connections are the ids of the user's connections, when asked for.
	Connections []string `json:"connections"`
}

// Info is the answer of Client.Info.
type Info struct {
	ChannelsInfo
	// UniqueUsers is how many users are connected, RememberedUsers how many are known.
	UniqueUsers      int `json:"unique_users"`
	RememberedUsers  int `json:"remembered_users"`
	TotalConnections int `json:"total_connections"`
	// TotalMessages counts deliveries, TotalUniqueMessages what was posted.
	TotalMessages       int64 `json:"total_messages"`
	TotalUniqueMessages int64 `json:"total_unique_messages"`
	// Uptime is how long the server has been up, as the API writes it.
	Uptime json.RawMessage `json:"uptime"`
}

// Info tells who is where: about the named channels, or about all when none is named.
func (c *Client) Info(ctx context.Context, channels ...string) (*Info, error) {
	in := struct {
		Channels []string `json:"channels,omitempty"`
	}{channels}
	return c.info(ctx, in)
}

// InfoWith is Info with a choice of what to tell.
func (c *Client) InfoWith(ctx context.Context, options InfoOptions) (*Info, error) {
	in := struct {
		Info InfoOptions `json:"info"`
	}{options}
	return c.info(ctx, in)
}

func (c *Client) info(ctx context.Context, in any) (*Info, error) {
	var out Info
	if err := c.call(ctx, "/info", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

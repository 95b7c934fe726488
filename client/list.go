package client

import (
	"context"
	"iter"
)

// longestPage is how many entries of a list are asked for at a time, which is as many as the API gives.
const longestPage = 1000

// ListConnections chooses connections: all, or those of a user, or in a channel, or both.
type ListConnections struct {
	User    string `json:"user,omitempty"`
	Channel string `json:"channel,omitempty"`
}

// ListedConnection is a connection in a list.
type ListedConnection struct {
	ConnID string `json:"conn_id"`
	User   string `json:"user"`
	// Channels are those it is in; of a dormant connection those that its client would find again.
	Channels []string `json:"channels"`
	// State is pending until the client opens it, attached while it is open, lingering when it was lost a moment ago, and dormant
	// when it counts nowhere any more, and may come back.
	State string `json:"state"`
	// Gateway is the id of the gateway that holds its socket, and Transport by what; both while it is attached.
	Gateway   string `json:"gateway"`
	Transport string `json:"transport"`
	// Since is when it came into its state, ISO 8601 in UTC.
	Since string `json:"since"`
}

// Connections lists connections in the order of their ids. It asks for one page after the other as the list is read; what
// comes or goes meanwhile may or may not be in it. An error is the last that is given.
func (c *Client) Connections(ctx context.Context, which ListConnections) iter.Seq2[ListedConnection, error] {
	return pages(func(after string) ([]ListedConnection, string, error) {
		in := struct {
			ListConnections
			page
		}{which, page{after, longestPage}}
		var out struct {
			Connections []ListedConnection `json:"connections"`
			Next        string             `json:"next"`
		}
		err := c.call(ctx, "/admin/connections", in, &out)
		return out.Connections, out.Next, err
	})
}

// ListedChannel is a channel in a list.
type ListedChannel struct {
	Name        string          `json:"name"`
	LongName    string          `json:"long_name"`
	Users       int             `json:"users"`
	Connections int             `json:"connections"`
	Settings    ChannelSettings `json:"settings"`
}

// Channels lists the channels that somebody is in, or that were configured, whose names contain search, in upper case or
// lower. It goes from page to page as Connections does.
func (c *Client) Channels(ctx context.Context, search string) iter.Seq2[ListedChannel, error] {
	return pages(func(after string) ([]ListedChannel, string, error) {
		var out struct {
			Channels []ListedChannel `json:"channels"`
			Next     string          `json:"next"`
		}
		err := c.call(ctx, "/admin/channels", searched{search, page{after, longestPage}}, &out)
		return out.Channels, out.Next, err
	})
}

// ListedUser is a user in a list.
type ListedUser struct {
	User   string         `json:"user"`
	Status Status         `json:"status"`
	State  map[string]any `json:"state"`
	// PublicKeys are the keys of State that other users may see.
	PublicKeys []string `json:"state_public_keys"`
	// Connections is how many the user has.
	Connections int `json:"connections"`
	// LastActive is ISO 8601 in UTC.
	LastActive string `json:"last_active"`
}

// Users lists the users that are known, connected or not, whose names contain search, in upper case or lower. It goes from
// page to page as Connections does.
func (c *Client) Users(ctx context.Context, search string) iter.Seq2[ListedUser, error] {
	return pages(func(after string) ([]ListedUser, string, error) {
		var out struct {
			Users []ListedUser `json:"users"`
			Next  string       `json:"next"`
		}
		err := c.call(ctx, "/admin/users", searched{search, page{after, longestPage}}, &out)
		return out.Users, out.Next, err
	})
}

type page struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit"`
}

type searched struct {
	Search string `json:"search,omitempty"`
	page
}

// pages gives the entries of one page after the other.
func pages[T any](ask func(after string) (entries []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			entries, next, err := ask(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}

// Instance is a process of Channelstream that lives.
type Instance struct {
	// Service is gateway, api or presence.
	Service string `json:"service"`
	ID      string `json:"id"`
	Version string `json:"version"`
	// Address is where it listens, as it knows it.
	Address string `json:"address"`
	// Sessions is how many sockets a gateway holds.
	Sessions int `json:"sessions"`
	// Leads is true for the one replica of presence that leads.
	Leads bool `json:"leads"`
	// Started and Renewed are ISO 8601 in UTC; the second is when it last said that it lives.
	Started string `json:"started"`
	Renewed string `json:"renewed"`
}

// Instances tells which processes live, sorted by service and id.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	var out struct {
		Instances []Instance `json:"instances"`
	}
	if err := c.call(ctx, "/admin/instances", struct{}{}, &out); err != nil {
		return nil, err
	}
	return out.Instances, nil
}

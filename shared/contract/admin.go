package contract

import "encoding/json"

// Verbs with which an operator looks at all that presence knows. Any replica answers them out of its memory; none changes anything.
const (
	VerbOverview        = "overview"         // OverviewRequest → OverviewAnswer, from api
	VerbListChannels    = "list_channels"    // ListChannelsRequest → ListChannelsAnswer, from api
	VerbListUsers       = "list_users"       // ListUsersRequest → ListUsersAnswer, from api
	VerbListConnections = "list_connections" // ListConnectionsRequest → ListConnectionsAnswer, from api
)

// What a page of a list holds at most.
const (
	DefaultPage  = 100       // entries, unless the request says how many
	MaxPage      = 1000      // entries
	MaxPageBytes = 512 << 10 // about so many; a page with one entry may have more
	MaxPageNames = 1000      // of users in a channel, and of connections of a user, that an entry shows
)

// Page chooses entries of a list, which is in the order of their names. Names are compared byte by byte.
type Page struct {
	Seen
	After  string `json:"after,omitempty"` // the entries behind that name
	Limit  int    `json:"limit,omitempty"` // at most so many; 0: DefaultPage
	Search string `json:"search,omitempty"`
}

// OverviewRequest asks for totals, and for the processes that live.
type OverviewRequest struct {
	Seen
}

// OverviewAnswer is what all processes come to.
type OverviewAnswer struct {
	UniqueUsers         int        `json:"unique_users"`     // users with a connection
	RememberedUsers     int        `json:"remembered_users"` // users known
	TotalConnections    int        `json:"total_connections"`
	Dormant             int        `json:"dormant"`               // connections that are none of TotalConnections
	TotalChannels       int        `json:"total_channels"`        // that somebody is in, or that were configured
	TotalMessages       uint64     `json:"total_messages"`        // handed to sockets by the gateways that live
	TotalUniqueMessages uint64     `json:"total_unique_messages"` // accepted from apps by the apis that live
	Uptime              float64    `json:"uptime"`                // seconds since the oldest process that lives was started
	Instances           []Instance `json:"instances"`             // sorted by service and id
}

// Instance is a process that lives, as its lease has it. What an older process does not say is empty.
type Instance struct {
	Service   LeaseKind `json:"service"`
	ID        string    `json:"id"`
	Version   string    `json:"version"`
	Address   string    `json:"address,omitempty"`
	Sessions  int       `json:"sessions"`            // of a gateway
	Delivered uint64    `json:"delivered,omitempty"` // of a gateway
	Accepted  uint64    `json:"accepted,omitempty"`  // of an api
	Leads     bool      `json:"leads"`               // of presence
	Contract  int       `json:"contract,omitempty"`
	Started   string    `json:"started"`           // TimestampLayout
	Renewed   string    `json:"renewed,omitempty"` // TimestampLayout
}

// ListChannelsRequest asks for channels that somebody is in, or that were configured.
type ListChannelsRequest struct {
	Page
	Name  string `json:"name,omitempty"`  // that channel alone, also if nothing is known of it
	Whole bool   `json:"whole,omitempty"` // with their descriptions
}

// ListChannelsAnswer is a page of channels.
type ListChannelsAnswer struct {
	Channels []ListedChannel `json:"channels"`
	Next     string          `json:"next,omitempty"` // more follow behind that name
}

// ListedChannel is a channel in a list.
type ListedChannel struct {
	Name        string          `json:"name"`
	LongName    *string         `json:"long_name"`
	Users       int             `json:"users"`
	Connections int             `json:"connections"`
	Settings    ChannelSettings `json:"settings"`
	Info        *ChannelInfo    `json:"info,omitempty"` // if it was asked for; at most MaxPageNames of the users, and no history
}

// ListUsersRequest asks for users that are known.
type ListUsersRequest struct {
	Page
	Name    string `json:"name,omitempty"`    // that user alone
	Present bool   `json:"present,omitempty"` // those with a connection only
	Whole   bool   `json:"whole,omitempty"`   // with their connections
}

// ListUsersAnswer is a page of users.
type ListUsersAnswer struct {
	Users []ListedUser `json:"users"`
	Next  string       `json:"next,omitempty"` // more follow behind that name
}

// ListedUser is a user in a list.
type ListedUser struct {
	User        string                     `json:"user"`
	Status      int                        `json:"status"`
	State       map[string]json.RawMessage `json:"state"`
	PublicKeys  []string                   `json:"state_public_keys"`
	Connections int                        `json:"connections"`
	LastActive  string                     `json:"last_active"` // TimestampLayout
	ConnIDs     []string                   `json:"conn_ids,omitempty"`
}

// PublicState is the part of the state that the app made public.
func (u ListedUser) PublicState() map[string]json.RawMessage {
	public := map[string]json.RawMessage{}
	for _, key := range u.PublicKeys {
		if value, has := u.State[key]; has {
			public[key] = value
		}
	}
	return public
}

// ListConnectionsRequest asks for connections: all, the dormant ones too, or those of a user, or in a channel, or both. A dormant
// connection is in no channel.
type ListConnectionsRequest struct {
	Page           // Search is not looked at
	User    string `json:"user,omitempty"`
	Channel string `json:"channel,omitempty"`
}

// ListConnectionsAnswer is a page of connections, in the order of their ids.
type ListConnectionsAnswer struct {
	Connections []ListedConnection `json:"connections"`
	Next        string             `json:"next,omitempty"` // more follow behind that id
}

// ListedConnection is a connection in a list.
type ListedConnection struct {
	ConnID    string          `json:"conn_id"`
	User      string          `json:"user"`
	Channels  []string        `json:"channels"` // of a dormant one: those that its client would find again
	State     ConnectionState `json:"state"`
	Gateway   string          `json:"gateway"`   // while attached
	Transport string          `json:"transport"` // while attached
	Since     string          `json:"since"`     // TimestampLayout; when it came into State
}

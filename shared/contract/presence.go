package contract

import "encoding/json"

// PresenceService is the name of the presence service in NATS service discovery, and its queue group.
const PresenceService = "channelstream-presence"

// The names of the other services in NATS service discovery.
const (
	APIService     = "channelstream-api"
	GatewayService = "channelstream-gateway"
)

// Presence verbs, each answered by any replica. Request and answer are JSON.
const (
	VerbConnect     = "connect"     // ConnectRequest → ConnectAnswer, from api
	VerbSubscribe   = "subscribe"   // SubscribeRequest → SubscribeAnswer, from api
	VerbUnsubscribe = "unsubscribe" // UnsubscribeRequest → UnsubscribeAnswer, from api
	VerbDisconnect  = "disconnect"  // DisconnectRequest → DisconnectAnswer, from api
	VerbInfo        = "info"        // InfoRequest → InfoAnswer, from api
	VerbUserStatus  = "user_status" // UserStatusRequest → UserStatusAnswer, from api
	VerbUserState   = "user_state"  // UserStateRequest → UserStateAnswer, from api
	VerbConfigure   = "configure"   // ConfigureRequest → ConfigureAnswer, from api
	VerbAttach      = "attach"      // AttachList → AttachAnswers, from gateway
	VerbJoin        = "join"        // JoinRequest → ChannelsAnswer, from gateway
	VerbLeave       = "leave"       // LeaveRequest → ChannelsAnswer, from gateway
	VerbDetach      = "detach"      // DetachRequest → DetachAnswer, from gateway
	VerbLease       = "lease"       // LeaseRequest → LeaseAnswer, from gateway and api
	VerbCompare     = "compare"     // CompareRequest → CompareAnswer, from gateway
	VerbChronicle   = "chronicle"   // ChronicleRequest → ChronicleAnswer, from api

	VerbAnnounced = "announced" // AnnouncedRequest → AnnouncedAnswer, from presence to the replica that leads
)

// Seen is the revision of the connections bucket that a caller has seen the effect of. A replica answers a read only
// when its index has come that far, so that a caller reads its own writes from any replica.
type Seen struct {
	Revision uint64 `json:"revision,omitempty"`
	Settings uint64 `json:"settings_revision,omitempty"` // of the channels bucket, in answers of who changed it
}

// Force says whether what is stored has taken effect on the sockets that are open. If a gateway did not answer in time, it
// takes effect when the gateway and presence compare what they have, within the time of a lease.
type Force struct {
	InForce *bool `json:"in_force,omitempty"` // false, or absent
}

// InForce is the Force of an answer.
func InForce(is bool) Force {
	if is {
		return Force{}
	}
	return Force{InForce: &is}
}

// InfoOptions say what of channels and users an answer shows. The zero value shows all but the connections.
type InfoOptions struct {
	ExcludeChannels    []string `json:"exclude_channels,omitempty"`
	OmitHistory        bool     `json:"omit_history,omitempty"`
	OmitUsers          bool     `json:"omit_users,omitempty"`
	IncludeConnections bool     `json:"include_connections,omitempty"`
	PublicState        bool     `json:"public_state,omitempty"` // states of users: the public keys only
}

// ConnectRequest makes a user known and registers a connection.
type ConnectRequest struct {
	ConnID         string                     `json:"conn_id"`
	User           string                     `json:"user"`
	Channels       []string                   `json:"channels,omitempty"`
	ChannelConfigs map[string]ChannelConfig   `json:"channel_configs,omitempty"` // for channels that have no record yet
	Status         *int                       `json:"status,omitempty"`
	FreshState     map[string]json.RawMessage `json:"fresh_state,omitempty"` // the state of a user not known before
	State          map[string]json.RawMessage `json:"state,omitempty"`       // merged over the state
	PublicKeys     []string                   `json:"public_keys,omitzero"`  // replaces those before; none leaves them, an empty list takes them away
	Info           InfoOptions                `json:"info"`
}

// ConnectAnswer is also the body of /connect's answer, but for what comes before ConnID; see CutConnectAnswer.
type ConnectAnswer struct {
	Seen
	History      bool                       `json:"has_history,omitempty"` // one of the channels keeps history, or did once
	ConnID       string                     `json:"conn_id"`
	User         string                     `json:"user"`
	Status       int                        `json:"status"`
	State        map[string]json.RawMessage `json:"state"`
	PublicState  map[string]json.RawMessage `json:"public_state"`
	Channels     []string                   `json:"channels"`
	ChannelsInfo ChannelsInfo               `json:"channels_info"`
	Force
}

// SubscribeRequest adds channels to a connection, or, with User in place of ConnID, to what a user may join.
type SubscribeRequest struct {
	ConnID         string                   `json:"conn_id,omitempty"`
	User           string                   `json:"user,omitempty"`
	Channels       []string                 `json:"channels"`
	ChannelConfigs map[string]ChannelConfig `json:"channel_configs,omitempty"`
	Info           InfoOptions              `json:"info"`
}

// SubscribeAnswer comes after the subscription took effect on the open socket.
type SubscribeAnswer struct {
	Seen
	Channels     []string      `json:"channels"` // all of the connection, or all that the user may join
	ChannelsInfo *ChannelsInfo `json:"channels_info,omitempty"`
	SubscribedTo []string      `json:"subscribed_to,omitempty"` // the new ones; null for a user
	Force
}

// UnsubscribeRequest takes channels from a connection, and from what its user may join; or, with User in place of ConnID,
// from what that user may join, and from all connections of the user.
type UnsubscribeRequest struct {
	ConnID   string      `json:"conn_id"`
	User     string      `json:"user,omitempty"`
	Channels []string    `json:"channels"`
	Info     InfoOptions `json:"info"`
}

// UnsubscribeAnswer comes after it took effect on the open socket.
type UnsubscribeAnswer struct {
	Seen
	Channels         []string     `json:"channels"`          // all of the connection, or all that the user may join
	ChannelsInfo     ChannelsInfo `json:"channels_info"`     // none for a user
	UnsubscribedFrom []string     `json:"unsubscribed_from"` // those that the connection, or one of the user's, really left
	Force
}

// ConfigureRequest gives channels their settings, in place of those they have.
type ConfigureRequest struct {
	Channels map[string]ChannelConfig `json:"channels"`
	// Trimmed are channels whose history the caller has trimmed, and to how many messages. nil: the caller knows nothing of it.
	Trimmed map[string]int `json:"trimmed,omitzero"`
}

// ConfigureAnswer describes the channels, without users.
type ConfigureAnswer struct {
	Seen
	ChannelsInfo
	// Trim are channels that would show more history than now, and how many messages they show: they keep their settings until
	// the caller asks again and has trimmed them, so that nothing comes back.
	Trim map[string]int `json:"trim,omitempty"`
}

// DisconnectRequest ends a connection: its socket is closed and its channels are left at once.
type DisconnectRequest struct {
	ConnID string `json:"conn_id"`
}

// DisconnectAnswer says whether there was such a connection.
type DisconnectAnswer struct {
	Seen
	Known bool `json:"known"`
}

// InfoRequest asks who is where. No channels means all.
type InfoRequest struct {
	Seen
	Channels []string    `json:"channels,omitempty"`
	Options  InfoOptions `json:"options"`
}

// InfoAnswer is also the body of /info's answer.
type InfoAnswer struct {
	ChannelsInfo
	UniqueUsers         int     `json:"unique_users"`     // users with a connection
	RememberedUsers     int     `json:"remembered_users"` // users known
	TotalConnections    int     `json:"total_connections"`
	TotalMessages       uint64  `json:"total_messages"`        // handed to sockets by the gateways that live
	TotalUniqueMessages uint64  `json:"total_unique_messages"` // accepted from apps by the apis that live
	Uptime              float64 `json:"uptime"`                // seconds since the oldest process that lives was started
}

// ChannelsInfo describes channels and the users in them.
type ChannelsInfo struct {
	Channels map[string]ChannelInfo `json:"channels"`
	Users    []UserInfo             `json:"users"` // sorted by name
}

// ChannelInfo describes one channel.
type ChannelInfo struct {
	UUID             string            `json:"uuid"` // made from the name: the same on every replica and for ever
	Name             string            `json:"name"`
	LongName         *string           `json:"long_name"`
	Settings         ChannelSettings   `json:"settings"`
	History          []json.RawMessage `json:"history"`
	HistoryTruncated bool              `json:"history_truncated,omitempty"` // older messages would not have found room in the answer
	LastActive       *string           `json:"last_active"`                 // TimestampLayout
	TotalConnections int               `json:"total_connections"`
	TotalUsers       int               `json:"total_users"`
	Users            []string          `json:"users"` // sorted
}

// UserInfo describes one user.
type UserInfo struct {
	User        string                     `json:"user"`
	Status      int                        `json:"status"`
	State       map[string]json.RawMessage `json:"state"`
	Connections []string                   `json:"connections,omitempty"`
}

// UserStatusRequest sets a user's status. The channels that are told are those of the user at the revision seen.
type UserStatusRequest struct {
	Seen
	User   string `json:"user"`
	Status int    `json:"status"`
}

// UserStatusAnswer is also the body of /user_status's answer.
type UserStatusAnswer struct {
	User   string                     `json:"user"`
	Status int                        `json:"status"`
	State  map[string]json.RawMessage `json:"state"`
}

// UserStateRequest changes the state of a user. The channels that are told are those of the user at the revision seen.
type UserStateRequest struct {
	Seen
	User       string                     `json:"user"`
	State      map[string]json.RawMessage `json:"user_state,omitempty"`       // merged over the state
	PublicKeys []string                   `json:"state_public_keys,omitzero"` // replaces those before; none leaves them, an empty list takes them away
}

// UserStateAnswer is also the body of /user_state's answer.
type UserStateAnswer struct {
	State      map[string]json.RawMessage `json:"user_state"`
	Changed    []StateChange              `json:"changed_state"` // sorted by key
	PublicKeys []string                   `json:"public_keys"`
}

// StateChange is a key of a user's state that changed, and its new value.
type StateChange struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// AnnouncedRequest waits until who came and left up to a revision has been announced.
type AnnouncedRequest struct {
	Seen
}

// AnnouncedAnswer says whether it was, within the time there is.
type AnnouncedAnswer struct {
	Announced bool `json:"announced"`
}

// MaxAttach is how many clients one AttachList may name.
const MaxAttach = 64

// AttachList is the clients that a gateway lets in together.
type AttachList struct {
	Clients []AttachRequest `json:"clients"`
}

// AttachAnswers are in the order of the list.
type AttachAnswers struct {
	Clients []AttachOutcome `json:"clients"`
}

// AttachOutcome is an answer, or a fault in its place.
type AttachOutcome struct {
	AttachAnswer
	Fault *Fault `json:"fault,omitempty"`
}

// AttachRequest says that a gateway holds a socket for a connection. Without a ConnID the user, whose signature the
// gateway has checked, gets a new connection under NewConnID.
type AttachRequest struct {
	ConnID    string `json:"conn_id,omitempty"`
	User      string `json:"user,omitempty"`
	NewConnID string `json:"new_conn_id,omitempty"`
	Gateway   string `json:"gateway"`
	Session   string `json:"session"`
	Transport string `json:"transport"`
	Resume    bool   `json:"resume,omitempty"` // the client keeps its offset; what presence of earlier versions opens a dormant connection for
	Moved     string `json:"moved,omitempty"`  // the client moved with this session from another gateway: a newer one is not taken over
	Waited    int64  `json:"waited,omitempty"` // ms since its socket opened: one that opened later is not taken over
}

// AttachAnswer says whose connection it is and where it is subscribed.
type AttachAnswer struct {
	ConnID string `json:"conn_id"`
	User   string `json:"user"`
	Membership
	Offset uint64 `json:"offset,omitempty"` // what lies behind it in the log the connection has not got; 0: nothing, or not known
	Exact  bool   `json:"exact,omitempty"`  // a gateway said so when a socket of it ended
	Left   bool   `json:"left,omitempty"`   // its client left: a client of Socket.IO does not go on where that stopped
}

// Membership is the whole list of a connection's channels as of a revision of its record. A gateway applies it when
// the revision is newer than the one it has, so that answers and orders may cross.
type Membership struct {
	Revision uint64   `json:"revision"`
	Channels []string `json:"channels"` // sorted
}

// JoinRequest asks for channels on behalf of the client of a session. Channels that its user may not join are left out
// of the answer.
type JoinRequest struct {
	ConnID   string   `json:"conn_id"`
	Gateway  string   `json:"gateway"`
	Session  string   `json:"session"`
	Channels []string `json:"channels"`
}

// LeaveRequest gives channels back on behalf of the client of a session.
type LeaveRequest JoinRequest

// ChannelsAnswer answers a join or a leave.
type ChannelsAnswer struct {
	Membership
	Named []string `json:"named"` // join: those asked for that it is in now; leave: those it really left; sorted
}

// DetachRequest says that sockets are gone. A session that is no longer the connection's is passed over.
type DetachRequest struct {
	Gateway  string            `json:"gateway"`
	Sessions map[string]string `json:"sessions"`          // conn_id → session; at most 1,000
	Offsets  map[string]uint64 `json:"offsets,omitempty"` // conn_id → how far the session got in the log; none if that is not known
	Left     []string          `json:"left,omitempty"`    // conn_ids whose clients said that they leave: they do not linger
}

// DetachAnswer says how many connections began to linger.
type DetachAnswer struct {
	Detached int `json:"detached"`
}

// MaxCompare is how many sessions one CompareRequest names at most.
const MaxCompare = 500

// CompareRequest says what a gateway holds, after it may not have heard what presence ordered, or presence not from it. It
// changes nothing, so that it does no harm when it is heard late, but for Reattach: then connections that were taken for
// gone are the sessions' again.
type CompareRequest struct {
	Gateway  string                 `json:"gateway"`
	List     bool                   `json:"list,omitempty"`  // asks for what presence has at the gateway, too
	Parts    Parts                  `json:"parts,omitempty"` // of these parts only; 0: of all
	Reattach bool                   `json:"reattach,omitempty"`
	Sessions map[string]HeldSession `json:"sessions,omitempty"` // by conn_id
}

// HeldSession is a session of a connection, and the revision of the membership that is in force.
type HeldSession struct {
	Session   string `json:"session"`
	Revision  uint64 `json:"revision"`
	Transport string `json:"transport,omitempty"`
}

// CompareAnswer says what is otherwise: what is to come into force, which sessions are to be closed, and whose connections
// were taken for gone, which the gateway may ask back.
type CompareAnswer struct {
	Memberships map[string]Membership `json:"memberships,omitempty"` // by conn_id
	Close       map[string]Reason     `json:"close,omitempty"`       // by conn_id
	Lost        []string              `json:"lost,omitempty"`        // conn_ids
	Held        map[string]string     `json:"held,omitempty"`        // conn_id → session, if it was asked for
}

// LeaseRequest renews the lease of a process.
type LeaseRequest struct {
	LeaseRecord
	Held *Digest `json:"held,omitempty"` // a gateway: of the sessions that have begun there
}

// LeaseAnswer says how long the lease lasts, in seconds: it is to be renewed three times within that. It says also in which
// parts presence has the gateway's sessions otherwise, which is so for a moment while they change.
type LeaseAnswer struct {
	TTL      float64 `json:"ttl"`
	Differs  Parts   `json:"differs,omitempty"`
	Contract int     `json:"contract,omitempty"` // the Version that the replica speaks
}

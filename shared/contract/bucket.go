package contract

import (
	"encoding/json"
	"time"
)

// The buckets. presence is the only writer of each; api reads channels.
const (
	BucketConnections = "connections" // key: token of the connection id; ConnectionRecord
	BucketUsers       = "users"       // key: token of the user; UserRecord
	BucketChannels    = "channels"    // key: token of the channel; ChannelRecord, where it was configured
	BucketLeases      = "leases"      // key: LeaseKey or KeyLeader; LeaseRecord; a key ends with the bucket's TTL
)

// KeyLeader is the key of the lease that the leading presence replica holds.
const KeyLeader = "leader"

// Bucket is the name of a bucket within the namespace.
func (n Namespace) Bucket(name string) string { return string(n) + "-" + name }

// ConnectionState says where a connection is in its life.
type ConnectionState string

// A connection is pending from /connect until its socket opens, attached while a gateway holds it, and lingering after
// the socket dropped, until it comes back. One that lingered for too long is dormant: it counts nowhere and is unknown to
// apps, and is kept only so that a client which says where it stopped finds its channels again.
const (
	Pending   ConnectionState = "pending"
	Attached  ConnectionState = "attached"
	Lingering ConnectionState = "lingering"
	Dormant   ConnectionState = "dormant"
)

// ConnectionRecord is what is known of one connection.
type ConnectionRecord struct {
	ConnID    string          `json:"conn_id"`
	User      string          `json:"user"`
	Channels  []string        `json:"channels"` // sorted, unique
	State     ConnectionState `json:"state"`
	Gateway   string          `json:"gateway,omitempty"`   // while attached
	Session   string          `json:"session,omitempty"`   // the socket at that gateway, while attached
	Transport string          `json:"transport,omitempty"` // while attached
	Since     time.Time       `json:"since"`               // when it came into State
	Opened    time.Time       `json:"opened,omitzero"`     // when its socket opened, if that was notably before; while attached
	Offset    uint64          `json:"offset,omitempty"`    // of the log: what lies behind it the client has not got; 0: not known
	Exact     bool            `json:"exact,omitempty"`     // Offset is how far the last socket got, as its gateway said
	Left      bool            `json:"left,omitempty"`      // its client left, and is not to go on where it stopped; while dormant
	By        Cause           `json:"by,omitempty"`        // by whose word it became so; nothing is decided by it, and older processes leave it out
}

// UserRecord is what is known of one user.
type UserRecord struct {
	User       string                     `json:"user"`
	Status     int                        `json:"status"`
	State      map[string]json.RawMessage `json:"state,omitempty"` // scalars set by the app
	PublicKeys []string                   `json:"public_keys,omitempty"`
	Allowed    []string                   `json:"allowed,omitempty"` // sorted channels the user may join
	LastActive time.Time                  `json:"last_active"`
}

// ChannelRecord is a channel that was configured, be it as any channel is.
type ChannelRecord struct {
	Name     string          `json:"name"`
	LongName *string         `json:"long_name,omitempty"`
	Settings ChannelSettings `json:"settings"`
	Created  time.Time       `json:"created"`
	History  bool            `json:"history,omitempty"` // it keeps history, or did once: what is kept stays visible
}

// LeaseKind says what kind of process holds a lease.
type LeaseKind string

// The processes that hold leases. The leader's lease has the key KeyLeader and no kind.
const (
	LeaseGateway  LeaseKind = "gateway"
	LeaseAPI      LeaseKind = "api"
	LeasePresence LeaseKind = "presence" // each replica's own, beside that of the leader
)

// LeaseKey is the key of a process's lease.
func LeaseKey(kind LeaseKind, id string) string { return string(kind) + "." + EncodeToken(id) }

// LeaseRecord says that a process is alive, and how it is loaded.
type LeaseRecord struct {
	ID      string    `json:"id"`
	Kind    LeaseKind `json:"kind,omitempty"`
	Address string    `json:"address,omitempty"` // where its HTTP port is, for people
	Started time.Time `json:"started"`
	Load    Load      `json:"load"`

	Version   string    `json:"version,omitempty"`   // of the build, for people
	Renewed   time.Time `json:"renewed,omitzero"`    // when presence wrote it, by the clock of the replica that did
	Contract  int       `json:"contract,omitempty"`  // the Version that the process speaks
	Announced uint64    `json:"announced,omitempty"` // the leader: who came and left up to this revision of connections is announced
}

// Load is what a process has done since it started.
type Load struct {
	Sessions  int    `json:"sessions,omitempty"`  // gateway: sockets it holds now
	Delivered uint64 `json:"delivered,omitempty"` // gateway: messages handed to sockets
	Accepted  uint64 `json:"accepted,omitempty"`  // api: messages accepted from apps
}

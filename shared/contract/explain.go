package contract

import "time"

// Explaining why a client did not get a message. The api finds the message, asks presence what became of the connection, and
// the gateways that held its sessions how far they came:
//
//	api → presence   <ns>.presence.chronicle        ChronicleRequest → ChronicleAnswer
//	api → gateway    <ns>.gateway.<id>.sessions     SessionsRequest → SessionsAnswer
//
// Nobody writes anything down for a message. What is told is what presence has seen of its bucket lately, and what gateways
// know of their sessions anyhow.

// Cause says by whose word the record of a connection became what it is. The set only ever grows.
type Cause string

// The causes. A record that is removed can not say its own: presence tells it by what the record was before.
const (
	CauseConnect     Cause = "connect"     // the app: /connect
	CauseSubscribe   Cause = "subscribe"   // the app: /subscribe
	CauseUnsubscribe Cause = "unsubscribe" // the app: /unsubscribe
	CauseDisconnect  Cause = "disconnect"  // the app, or whoever knew the conn_id: /disconnect
	CauseJoin        Cause = "join"        // the client
	CauseLeave       Cause = "leave"       // the client left channels
	CauseOpened      Cause = "opened"      // the client opened a socket
	CauseEnded       Cause = "ended"       // the socket ended
	CauseOrphaned    Cause = "orphaned"    // the gateway of the socket is gone
	CauseLeft        Cause = "left"        // the client said that it leaves for good
	CauseExpired     Cause = "expired"     // nobody came for too long
)

// ChronicleRequest asks what became of a connection, or of all connections of a user.
type ChronicleRequest struct {
	Seen
	ConnID  string `json:"conn_id,omitempty"`
	User    string `json:"user,omitempty"`    // in place of ConnID
	Channel string `json:"channel,omitempty"` // it is to be told whether they were in it; none for a private message
}

// ChronicleAnswer is what one replica of presence knows.
type ChronicleAnswer struct {
	From        time.Time        `json:"from"` // all that changed since then is in the answer
	Connections []ConnectionLife `json:"connections,omitempty"`
}

// ConnectionLife is what became of a connection lately.
type ConnectionLife struct {
	ConnID  string           `json:"conn_id"`
	User    string           `json:"user"`
	Before  *Standing        `json:"before,omitempty"`  // as it was before the first change; nil: there was none
	Changes []StandingChange `json:"changes,omitempty"` // oldest first
}

// Now is how the connection stands; nil: there is none any more.
func (l *ConnectionLife) Now() *Standing {
	if n := len(l.Changes); n > 0 {
		return l.Changes[n-1].After
	}
	return l.Before
}

// StandingChange is a change of a connection's record.
type StandingChange struct {
	At       time.Time `json:"at"` // by the clock of the bucket
	Revision uint64    `json:"revision"`
	By       Cause     `json:"by,omitempty"`    // none: an older process wrote it
	After    *Standing `json:"after,omitempty"` // nil: the connection was forgotten
}

// Standing is what of a ConnectionRecord decides whether it gets a message.
type Standing struct {
	State     ConnectionState `json:"state"`
	In        bool            `json:"in,omitempty"` // the channel that was asked about
	Gateway   string          `json:"gateway,omitempty"`
	Session   string          `json:"session,omitempty"`
	Transport string          `json:"transport,omitempty"`
	Since     time.Time       `json:"since"`
	Offset    uint64          `json:"offset,omitempty"`
	Exact     bool            `json:"exact,omitempty"`
	Left      bool            `json:"left,omitempty"`
}

// MaxSessions is how many sessions one SessionsRequest names at most.
const MaxSessions = 1000

// SessionsRequest asks a gateway how far sessions came that it holds, or held not long ago.
type SessionsRequest struct {
	Sessions []string `json:"sessions"`
}

// SessionsAnswer has those of the sessions that the gateway knows.
type SessionsAnswer struct {
	Sessions map[string]SessionAccount `json:"sessions,omitempty"` // by id
}

// SessionAccount is how far a session came.
type SessionAccount struct {
	ConnID       string       `json:"conn_id"`
	Transport    string       `json:"transport,omitempty"`
	Coming       bool         `json:"coming,omitempty"`       // it has not begun yet: nothing was sent
	Since        uint64       `json:"since,omitempty"`        // it began behind this offset; 0: not known
	Resumed      bool         `json:"resumed,omitempty"`      // its client gave that back, and gets everything since
	CatchingUp   bool         `json:"catching_up,omitempty"`  // it still gets what it missed
	Missed       []MissedSpan `json:"missed,omitempty"`       // its client was told so, the oldest first
	Handed       uint64       `json:"handed,omitempty"`       // everything up to this offset was handed to the socket
	Acknowledged uint64       `json:"acknowledged,omitempty"` // and up to this one the client's host has it, or a poll took it; 0: not known
	Backlog      int          `json:"backlog,omitempty"`      // bytes that wait in the gateway
	Ended        *EndedSpan   `json:"ended,omitempty"`        // nil: it is open
}

// MissedSpan says that a client was told that it does not get everything. What it was told when its session began has no time.
type MissedSpan struct {
	Since  uint64    `json:"since"`            // behind this offset
	Offset uint64    `json:"offset,omitempty"` // up to this one; 0: not known
	At     time.Time `json:"at,omitzero"`
}

// EndedSpan says how a session ended.
type EndedSpan struct {
	Reason Reason    `json:"reason"`
	At     time.Time `json:"at"`
}

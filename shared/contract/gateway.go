package contract

// Gateway verbs, answered by the one gateway that is named in the subject. Request and answer are JSON.
const (
	VerbMembership = "membership" // MembershipOrder → GatewayAnswer, from presence
	VerbClose      = "close"      // CloseOrder → GatewayAnswer, from presence
	VerbSessions   = "sessions"   // SessionsRequest → SessionsAnswer, from api; see explain.go
	VerbMove       = "move"       // MoveOrder → MoveAnswer, from another gateway; see relay.go
	VerbRelay      = "relay"      // a client's request, from another gateway; see relay.go
)

// MembershipOrder gives a session the channels that its connection now has. The answer comes after messages of new
// channels reach the socket and messages of channels left do not.
type MembershipOrder struct {
	ConnID  string `json:"conn_id"`
	Session string `json:"session"`
	Membership
}

// CloseOrder closes the socket of a session.
type CloseOrder struct {
	ConnID  string `json:"conn_id"`
	Session string `json:"session"`
	Reason  Reason `json:"reason"`
}

// GatewayAnswer says whether the gateway held that session.
type GatewayAnswer struct {
	Held   bool   `json:"held"`
	Offset uint64 `json:"offset,omitempty"` // how far a session got in the log that is closed, or has ended just now; 0: not known
}

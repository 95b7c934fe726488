package contract

// Relaying. A client's requests may reach any gateway, but its session is at one. The session's id begins with the route of
// that gateway, and whoever gets the request hands it over:
//
//	other → holder   <ns>.gateway.<route>.relay   a RelayRequest, a line end, the body; with a subject to reply to
//	holder → other   that subject                 a RelayAnswer, a line end, the body: a delivery of shared/bus
//	other → holder   <ns>.gateway.<route>.relay   HeaderCancel, with that subject: the client has gone
//	other → holder   <ns>.gateway.<route>.relay   nothing, with a subject to reply to: are you there?
//
// A client that upgrades to a WebSocket at another gateway moves there with its session:
//
//	other → holder   <ns>.gateway.<route>.move    try: the client opens a WebSocket
//	other → holder                                drain: it was probed, polls are to be let go
//	other → holder                                take: the client moves. The session ends here, and goes on there
//	other → holder                                back: it came to nothing
//
// A client of Socket.IO 0.9 that has made its handshake at one gateway begins its session by a WebSocket where that is opened:
//
//	other → holder   <ns>.gateway.<route>.move    claim: what the handshake said. It is used up then
//
// Only gateways of one namespace can say these words, and each has checked the client's request as its own.

// HeaderCancel names the request that nobody waits for any more, by the subject to reply to.
const HeaderCancel = "Cs-Cancel"

// RelayRequest is a request without its body.
type RelayRequest struct {
	Method string              `json:"method"`
	URI    string              `json:"uri"` // path and query
	Host   string              `json:"host,omitempty"`
	Caller string              `json:"caller,omitempty"` // address of the client, as far as it can be believed
	Header map[string][]string `json:"header,omitempty"`
}

// RelayAnswer is an answer without its body.
type RelayAnswer struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header,omitempty"`
}

// Step is one of a move.
type Step string

// The steps.
const (
	StepTry   Step = "try"
	StepDrain Step = "drain"
	StepTake  Step = "take"
	StepBack  Step = "back"
	StepClaim Step = "claim"
)

// MoveOrder has the holder of a session take a step.
type MoveOrder struct {
	SID      string `json:"sid"`
	Step     Step   `json:"step"`
	Revision int    `json:"revision,omitempty"` // of Engine.IO that the client speaks, with a try; 0 is 4
}

// MoveAnswer says whether that was done. The answer to a take or a claim has the session.
type MoveAnswer struct {
	Known   bool          `json:"known"`
	Busy    bool          `json:"busy,omitempty"` // it can not move: it has a WebSocket, or tries one; or its handshake is used up
	Session *MovedSession `json:"session,omitempty"`
}

// MovedSession is a session that goes on at another gateway.
type MovedSession struct {
	Session    string   `json:"session,omitempty"`
	ConnID     string   `json:"conn_id,omitempty"` // empty: the client is not connected yet
	User       string   `json:"user,omitempty"`
	Query      string   `json:"query,omitempty"` // the credentials of the handshake, with which a namespace may be connected yet
	Namespaces []string `json:"namespaces,omitempty"`
	Named      bool     `json:"named,omitempty"`    // the client has asked for a namespace, or the server has for it
	Implicit   bool     `json:"implicit,omitempty"` // the server has: the client has said nothing in / yet
	From       uint64   `json:"from,omitempty"`     // where the client was when it connected first
	Channels   []string `json:"channels,omitempty"` // that the client knows to be in
	Offset     uint64   `json:"offset,omitempty"`   // how far the client has come with the packets; 0: not known
	Packets    [][]byte `json:"packets,omitempty"`  // that it has not fetched
	Reason     Reason   `json:"reason,omitempty"`   // for which it has ended: these are its last packets
}

package contract

// Reason says why a session ended. The set is closed: the same word stands in the close frame, the log and the metric.
type Reason string

// The reasons. Each is also the text of a WebSocket close frame.
const (
	ReasonReplaced         Reason = "replaced"          // a newer socket of the same conn_id took over
	ReasonDisconnected     Reason = "disconnected"      // /disconnect, or the connection was forgotten
	ReasonSlowConsumer     Reason = "slow_consumer"     // its backlog passed the limit of bytes or age
	ReasonHeartbeatTimeout Reason = "heartbeat_timeout" // nothing came from it within the heartbeat's time
	ReasonDraining         Reason = "draining"          // the gateway sends its clients to others before it stops
	ReasonShuttingDown     Reason = "shutting_down"     // the gateway stops now
	ReasonUnavailable      Reason = "unavailable"       // the gateway can not reach presence or NATS: the client is to come back
	ReasonProtocolError    Reason = "protocol_error"    // it broke the rules of its protocol
	ReasonTooLarge         Reason = "too_large"         // it sent more than a frame may hold
	ReasonInvalidPayload   Reason = "invalid_payload"   // it sent text that is not UTF-8, or what can not be inflated
	ReasonRateLimited      Reason = "rate_limited"      // it sent more packets in a second than one may
	ReasonLeft             Reason = "left"              // the client said that it leaves, and does not linger
	ReasonClosed           Reason = "closed"            // the client closed it, or its network did
	ReasonMoved            Reason = "moved"             // another gateway has it now; no client is told
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonReplaced, ReasonDisconnected, ReasonSlowConsumer, ReasonHeartbeatTimeout, ReasonDraining, ReasonShuttingDown,
		ReasonUnavailable, ReasonProtocolError, ReasonTooLarge, ReasonInvalidPayload, ReasonRateLimited, ReasonLeft, ReasonClosed,
		ReasonMoved,
	}
}

// Breach says whether the client broke a rule, of its protocol or of what one may send, leave unread or unanswered.
func (r Reason) Breach() bool {
	switch r {
	case ReasonSlowConsumer, ReasonHeartbeatTimeout, ReasonProtocolError, ReasonTooLarge, ReasonInvalidPayload, ReasonRateLimited:
		return true
	}
	return false
}

// Final says whether a client is not to come back by itself: a newer socket has its connection, or nobody does.
func (r Reason) Final() bool { return r == ReasonReplaced || r == ReasonDisconnected }

// CloseCode is the WebSocket close code for a reason (RFC 6455 section 7.4.1).
func (r Reason) CloseCode() int {
	switch r {
	case ReasonDraining, ReasonShuttingDown:
		return 1012 // service restart, from the IANA registry of RFC 6455 section 11.7
	case ReasonUnavailable:
		return 1013 // try again later, from the same registry
	case ReasonProtocolError:
		return 1002
	case ReasonTooLarge:
		return 1009
	case ReasonInvalidPayload:
		return 1007
	case ReasonSlowConsumer, ReasonHeartbeatTimeout, ReasonRateLimited:
		return 1008
	}
	return 1000
}

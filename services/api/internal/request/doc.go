// Package request reads the bodies of requests: JSON in, the contract's words out, or one fault that names every
// field which is wrong.
//
// It promises that whatever it returns keeps the limits and may be published or stored as it is, that a body is read
// one way only (no duplicate keys, no keys that differ in case, no half surrogates in names), and that neither time nor
// memory grows faster than the body does. It does no I/O.
package request

// Limits bound what a request may hold. Sizes are bytes, lengths are characters.
type Limits struct {
	Message  int // size of one message as clients get it
	Messages int // in one request
	Channels int // in one list
	User     int // length of a user name
	Channel  int // length of a channel name
	ConnID   int // length of a connection id

	Demo bool // the demo asks: it may name users, channels and connections of its own form only, and an app none of it
}

// Limits that nobody needs to configure.
const (
	maxUsers     = 1000    // in pm_users or exclude_users
	maxStateKeys = 1000    // in one state
	maxStateKey  = 256     // characters
	maxLongName  = 1024    // characters
	maxHistory   = 1 << 20 // messages of a channel that are kept
	maxFaults    = 1000    // that one answer lists; a body can hold a million
)

package contract

import (
	"strconv"
	"strings"
)

// HeaderEvents says by which Socket.IO events an announcement is told, in place of a `message` event. Clients that get lists
// get the body. Its value is events with a space between, each a name and its arguments:
//
//	user_connect,{"user":$55+5,"status":$212+1,"state":$187+2} presence_join,$55+5,[$112+6]
//
// The arguments are JSON without spaces, in which $55+5 stands for the five bytes at the 55th of the body: so a gateway puts
// them together without reading the body, and a state of any size fits.
const HeaderEvents = "Cs-Events"

// The Socket.IO events by which announcements are told.
const (
	EventUserConnect    = "user_connect"    // ({user, status, state}): a user came who was in no channel that is told
	EventUserDisconnect = "user_disconnect" // ({user, status, state}): a user is in no channel any more that is told
	EventPresenceJoin   = "presence_join"   // (user, channels, users?)
	EventPresenceLeave  = "presence_leave"  // (user, channels, users?)
	EventUserStatus     = "user_status"     // ({user, status, state, changed})
)

const (
	eventBetween = " "
	eventValue   = "$"
	maxEvents    = 8  // of one announcement
	maxEventName = 64 // bytes
	maxPieces    = 64 // of one event's arguments
)

// Event is one event by which an announcement is told.
type Event struct {
	Name string
	Args [][]byte // the text of its arguments, in pieces
}

// Size is how many bytes its arguments take.
func (e Event) Size() (size int) {
	for _, piece := range e.Args {
		size += len(piece)
	}
	return size
}

// EventValue writes the place of a value in a body, as HeaderEvents has it.
func EventValue(from, size int) string {
	return eventValue + strconv.Itoa(from) + "+" + strconv.Itoa(size)
}

// JoinEvents writes the value of HeaderEvents.
func JoinEvents(events ...string) string { return strings.Join(events, eventBetween) }

// OpenEvents gives the events that a value of HeaderEvents names; their arguments alias the body. What is not as it should be
// gives none: then the message is told as any other.
func OpenEvents(value string, body []byte) []Event {
	if value == "" || strings.Count(value, eventBetween) >= maxEvents {
		return nil
	}
	var events []Event
	for text := range strings.SplitSeq(value, eventBetween) {
		name, args, found := strings.Cut(text, ",")
		pieces, ok := openArgs(args, body)
		e := Event{Name: name, Args: pieces}
		if !found || !ok || !isEventName(name) || e.Size() == 0 {
			return nil
		}
		events = append(events, e)
	}
	return events
}

// openArgs puts the values of a body into arguments.
func openArgs(args string, body []byte) (pieces [][]byte, ok bool) {
	plain, rest, more := strings.Cut(args, eventValue)
	pieces = append(pieces, []byte(plain))
	for more {
		if len(pieces) > maxPieces {
			return nil, false
		}
		var from, size int
		if from, rest, ok = leadingNumber(rest); !ok || !strings.HasPrefix(rest, "+") {
			return nil, false
		}
		if size, rest, ok = leadingNumber(rest[1:]); !ok || from > len(body) || size > len(body)-from {
			return nil, false
		}
		plain, rest, more = strings.Cut(rest, eventValue)
		pieces = append(pieces, body[from:from+size:from+size], []byte(plain))
	}
	return pieces, true
}

func leadingNumber(text string) (n int, rest string, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	return n, text[end:], err == nil
}

// isEventName: a name needs no escapes in JSON.
func isEventName(name string) bool {
	return name != "" && len(name) <= maxEventName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == ""
}

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Headers of a live message: what decides its delivery. The body is the JSON object that clients get, byte for byte; see
// HeaderAudience for what may stand behind it.
const (
	HeaderPM      = "Cs-Pm"      // tokens of the only users who get a channel's message, separated by commas
	HeaderExclude = "Cs-Exclude" // tokens of users who do not get it, separated by commas
	HeaderMore    = "Cs-More"    // set when the next message of the same list goes to the same channel
	HeaderEdit    = "Cs-Edit"    // the body is an edit of the message with this uuid
	HeaderDelete  = "Cs-Delete"  // the body says that the message with this uuid was removed
	HeaderOf      = "Cs-Of"      // the Audience that an edit names: it is of the message with that one, if there are several
)

// The `type` of what clients get.
const (
	TypeMessage = "message"
	TypeEdit    = "message:edit"
	TypeDelete  = "message:delete"
	TypeMissed  = "missed" // a client asked for more than the log still has

	TypePresence  = "presence"          // a user joined or parted
	TypeUserState = "user_state_change" // the public state of a user changed, or its status
)

// Reserved says whether a key of what clients get is the server's own, which an app can not give to a message or an edit.
func Reserved(key string) bool {
	switch key {
	case "type", "catchup", "offset":
		return true
	}
	return false
}

// LiveMark ends the body of every message that has a `catchup` key: a gateway that sends the message later than it came
// writes CaughtUpMark in its place, or adds it to a body that does not end so.
const (
	LiveMark     = `,"catchup":false}`
	CaughtUpMark = `,"catchup":true`
)

// The action that a message of TypePresence tells of.
const (
	ActionJoined = "joined"
	ActionParted = "parted"
)

// TimestampLayout writes timestamps as clients get them: ISO 8601, UTC, microseconds, no zone letter.
const TimestampLayout = "2006-01-02T15:04:05.000000"

// ZonedLayout writes those that an app gave with a zone: browsers take a time without one for local time.
const ZonedLayout = TimestampLayout + "Z07:00"

// uuidLength is that of a UUID as RFC 9562 section 4 writes it.
const uuidLength = 36

// ChannelMessageID is the id under which a channel's message is stored: it is stored once, however often it is sent.
func ChannelMessageID(uuid, channel string) string { return uuid + "." + EncodeToken(channel) }

// UserMessageID is the id under which a user's private message is stored: one message may go to several users.
func UserMessageID(uuid, user string) string { return uuid + ".." + EncodeToken(user) }

// WithAudience is the id of a message as those functions make it, for one that goes to some users only: with the same uuid,
// what goes to another audience is another message.
func WithAudience(id, audience string) string {
	if audience == "" {
		return id
	}
	return id + "." + audience
}

// Audience is a name for those who get a message: the same for the same sets of users, empty for no sets.
func Audience(pm, exclude []string) string {
	if len(pm)+len(exclude) == 0 {
		return ""
	}
	text := JoinTokens(slices.Sorted(slices.Values(pm))) + ";" + JoinTokens(slices.Sorted(slices.Values(exclude)))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// AudienceOfMessage gives the audience in an id that WithAudience made; "" when there is none.
func AudienceOfMessage(id string) string {
	if UUIDOfMessage(id) == "" {
		return ""
	}
	name := strings.TrimPrefix(id[uuidLength+1:], ".") // of a channel, or a user
	_, audience, _ := strings.Cut(name, ".")
	return audience
}

// UUIDOfMessage gives the uuid in an id that ChannelMessageID or UserMessageID made; "" when it is another id.
func UUIDOfMessage(id string) string {
	if len(id) <= uuidLength || id[uuidLength] != '.' {
		return ""
	}
	return id[:uuidLength]
}

// JoinTokens writes user names as the value of HeaderPM or HeaderExclude.
func JoinTokens(users []string) string {
	if len(users) == 1 {
		return EncodeToken(users[0])
	}
	tokens := make([]string, len(users))
	for i, user := range users {
		tokens[i] = EncodeToken(user)
	}
	return strings.Join(tokens, ",")
}

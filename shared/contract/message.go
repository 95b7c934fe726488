package contract

import "strings"

// Headers of a live message: what decides its delivery. The body is the JSON object that clients get, byte for byte.
const (
	HeaderPM      = "Cs-Pm"      // tokens of the only users who get a channel's message, separated by commas
	HeaderExclude = "Cs-Exclude" // tokens of users who do not get it, separated by commas
	HeaderMore    = "Cs-More"    // set when the next message of the same list goes to the same channel
)

// TypeMessage is the `type` of a message as clients get it.
const TypeMessage = "message"

// TimestampLayout writes timestamps as clients get them: ISO 8601, UTC, microseconds, no zone letter.
const TimestampLayout = "2006-01-02T15:04:05.000000"

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

package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// MaxToken is the longest token in bytes. It holds any name of 512 bytes, and keeps a subject well below the
// 4,096 bytes that a NATS control line may have.
const MaxToken = 1536

// ErrToken is returned by DecodeToken for text that EncodeToken never writes.
var ErrToken = errors.New("not a token")

// ErrTokenHashed is returned by DecodeToken for the token of a name too long to be written out. The record that the
// token leads to carries the name.
var ErrTokenHashed = errors.New("the token is a hash and has no name in it")

const (
	upperHex   = "0123456789ABCDEF"
	hashPrefix = "=="
)

// EncodeToken writes a channel name, user name or connection id so that it is one legal NATS subject token and one
// legal KV key: letters, digits, `_` and `-` stay, every other byte becomes `=HH`. A name whose token would be longer
// than MaxToken becomes `==` and the hex SHA-256 of the name; the first form never starts with `==`.
func EncodeToken(name string) string {
	extra := 0
	for i := range len(name) {
		if !plain(name[i]) {
			extra += 2
		}
	}
	if extra == 0 && len(name) <= MaxToken {
		return name
	}
	if len(name)+extra > MaxToken {
		sum := sha256.Sum256([]byte(name))
		return hashPrefix + hex.EncodeToString(sum[:])
	}
	token := make([]byte, 0, len(name)+extra)
	for i := range len(name) {
		if c := name[i]; plain(c) {
			token = append(token, c)
		} else {
			token = append(token, '=', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(token)
}

// IsName says whether a token is the name itself: nothing in that had to be written otherwise.
func IsName(token string) bool { return strings.IndexByte(token, '=') < 0 }

// DecodeToken gives back the name that EncodeToken wrote.
func DecodeToken(token string) (string, error) {
	if len(token) > MaxToken {
		return "", fmt.Errorf("decode token of %d bytes: %w", len(token), ErrToken)
	}
	if len(token) == len(hashPrefix)+2*sha256.Size && token[:2] == hashPrefix {
		return "", ErrTokenHashed
	}
	name := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if plain(c) {
			name = append(name, c)
			continue
		}
		if c != '=' || i+2 >= len(token) {
			return "", fmt.Errorf("decode token at byte %d: %w", i, ErrToken)
		}
		high, low := fromHex(token[i+1]), fromHex(token[i+2])
		if high < 0 || low < 0 || plain(byte(high<<4|low)) {
			return "", fmt.Errorf("decode token at byte %d: %w", i, ErrToken)
		}
		name = append(name, byte(high<<4|low))
		i += 2
	}
	return string(name), nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// fromHex gives the value of an upper-case hex digit, or -1: a name has one token only.
func fromHex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

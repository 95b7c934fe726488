package fold

import (
	"bytes"
	"encoding/json"
	"slices"
)

// member is a member of an object, by its places in the text.
type member struct {
	key      int // its opening quote
	keyEnd   int // behind its closing quote
	from, to int // of the value
}

func (m *member) value(text []byte) []byte { return text[m.from:m.to] }

// field is the place of the member's key in names; -1 for another key.
func (m *member) field(text []byte) int {
	key := text[m.key+1 : m.keyEnd-1]
	if bytes.IndexByte(key, '\\') < 0 {
		return slices.Index(names[:], string(key))
	}
	var plain string
	if json.Unmarshal(text[m.key:m.keyEnd], &plain) != nil {
		return -1
	}
	return slices.Index(names[:], plain)
}

// split finds the members of an object, not those of the objects in it.
func split(text []byte) ([]member, error) {
	if !json.Valid(text) {
		return nil, ErrNoObject
	}
	at := skipSpace(text, 0)
	if text[at] != '{' {
		return nil, ErrNoObject
	}
	members := make([]member, 0, 16)
	for at = skipSpace(text, at+1); text[at] != '}'; at = skipSpace(text, at) {
		if text[at] == ',' {
			at = skipSpace(text, at+1)
		}
		m := member{key: at, keyEnd: skipString(text, at)}
		m.from = skipSpace(text, skipSpace(text, m.keyEnd)+1) // over the colon
		m.to = skipValue(text, m.from)
		members = append(members, m)
		at = m.to
	}
	return members, nil
}

// end is where the closing brace of an object is.
func end(text []byte) int { return bytes.LastIndexByte(text, '}') }

// The text is valid JSON to all that follows, so that nothing of it can lie behind its end.

func skipSpace(text []byte, at int) int {
	for at < len(text) && text[at] <= ' ' {
		at++
	}
	return at
}

func skipString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue goes through nested values without recursion: their depth is up to whoever wrote them.
func skipValue(text []byte, at int) int {
	depth := 0
	for {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\n', '\r':
			at++
			continue // no value has ended
		default:
			at = skipScalar(text, at)
		}
		if depth == 0 {
			return at
		}
	}
}

// skipScalar goes over a number, true, false or null.
func skipScalar(text []byte, at int) int {
	for at < len(text) && text[at] > ' ' && text[at] != ',' && text[at] != '}' && text[at] != ']' {
		at++
	}
	return at
}

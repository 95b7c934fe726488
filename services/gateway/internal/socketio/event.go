package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// DecodeEvent reads the data of an Event or BinaryEvent packet, `["name",arg,…]`. The arguments are valid JSON
// without space around them and alias data. A number as the name is taken, as the stock parser does, in its own digits.
//
// Errors: ErrPayload, ErrReservedEvent, ErrTooManyArgs.
func DecodeEvent(data []byte) (name string, args []json.RawMessage, err error) {
	// The standard library refuses nesting deeper than 10,000; what follows does not recurse.
	if len(data) == 0 || data[0] != '[' || !json.Valid(data) {
		return "", nil, ErrPayload
	}
	elements, err := split(data)
	if err != nil {
		return "", nil, err
	}
	if len(elements) == 0 {
		return "", nil, fmt.Errorf("%w: no event name", ErrPayload)
	}
	if name, err = eventName(elements[0]); err != nil {
		return "", nil, err
	}
	return name, elements[1:], nil
}

func eventName(element []byte) (string, error) {
	switch c := element[0]; {
	case c == '-' || c >= '0' && c <= '9':
		return string(element), nil
	case c != '"':
		return "", fmt.Errorf("%w: event name is no string", ErrPayload)
	}
	var name string
	if err := json.Unmarshal(element, &name); err != nil {
		return "", fmt.Errorf("%w: event name: %w", ErrPayload, err)
	}
	if isReserved(name) {
		return "", fmt.Errorf("%w: %s", ErrReservedEvent, name)
	}
	return name, nil
}

// isReserved: a client that could send these would, in a library that hands packets to listeners by name, forge the
// connection's own events.
func isReserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// split returns the elements of a valid JSON array. It is not json.Unmarshal because that copies each element, and
// makes all of a million before one could count them.
func split(array []byte) ([]json.RawMessage, error) {
	var elements []json.RawMessage
	rest := trimSpace(array[1:])
	for rest[0] != ']' {
		if len(elements) > MaxArgs {
			return nil, fmt.Errorf("%w: more than %d", ErrTooManyArgs, MaxArgs)
		}
		n := valueLen(rest)
		elements = append(elements, rest[:n:n])
		if rest = trimSpace(rest[n:]); rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
	}
	return elements, nil
}

// valueLen returns the length of the JSON value that data starts with. It ends where, outside of everything that the
// value opened, stands what can only follow a value.
func valueLen(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"':
			i = stringEnd(data, i)
		case '[', '{':
			depth++
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			if c == ']' || c == '}' {
				depth--
			}
		}
	}
	return len(data)
}

// stringEnd returns the index of the quote that ends the string whose first quote is at i.
func stringEnd(data []byte, i int) int {
	for i++; data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i
}

func trimSpace(data []byte) []byte { return bytes.TrimLeft(data, " \t\n\r") }

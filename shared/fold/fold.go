// Package fold puts edits into the messages that they are of.
//
// It promises that the result is a copy, that all but the edited values is in it byte for byte, and that it ends in the
// same member as the original: a message which ends in contract.LiveMark does so after the edit.
package fold

import (
	"errors"
	"fmt"
)

// Fields is a set of the keys that an edit replaces: user, message, timestamp and edited. Other keys of an edit are for
// those who hear it live.
type Fields uint8

// names are the keys, by their bit in Fields.
var names = [...]string{"user", "message", "timestamp", "edited"}

// ErrNoObject is returned for what is not one JSON object.
var ErrNoObject = errors.New("not a JSON object")

// FieldsOf says what an edit replaces.
func FieldsOf(edit []byte) (Fields, error) {
	values, err := read(edit)
	if err != nil {
		return 0, fmt.Errorf("read edit: %w", err)
	}
	var fields Fields
	for i := range values {
		if values[i] != nil {
			fields |= 1 << i
		}
	}
	return fields, nil
}

// read gives the values of an edit, by the place of their key in names; nil for a key that it lacks.
func read(edit []byte) (values [len(names)][]byte, err error) {
	members, err := split(edit)
	for _, m := range members {
		if at := m.field(edit); at >= 0 {
			values[at] = m.value(edit) // of two equal keys the last, as most readers do
		}
	}
	return values, err
}

// Edit gives the original with the edit's values. A key that the original lacks is put in before its last member.
func Edit(original, edit []byte) ([]byte, error) {
	values, err := read(edit)
	if err != nil {
		return nil, fmt.Errorf("read edit: %w", err)
	}
	members, err := split(original)
	if err != nil {
		return nil, fmt.Errorf("read message to edit: %w", err)
	}
	missing := values
	for _, m := range members {
		if at := m.field(original); at >= 0 {
			missing[at] = nil
		}
	}
	result := make([]byte, 0, len(original)+len(edit))
	from := 0 // what lies before it is in the result
	for i, m := range members {
		if i == len(members)-1 {
			result = appendMissing(append(result, original[from:m.key]...), &missing, true)
			from = m.key
		}
		if at := m.field(original); at >= 0 && values[at] != nil {
			result = append(append(result, original[from:m.from]...), values[at]...)
			from = m.to
		}
	}
	if len(members) == 0 {
		result, from = appendMissing(append(result, '{'), &missing, false), end(original)
	}
	return append(result, original[from:]...), nil
}

// appendMissing writes the members that the original lacks; more says that a member follows.
func appendMissing(to []byte, missing *[len(names)][]byte, more bool) []byte {
	first := true
	for i, value := range missing {
		if value == nil {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		to = append(append(append(append(to, '"'), names[i]...), `":`...), value...)
	}
	if more && !first {
		to = append(to, ',')
	}
	return to
}

package request

import (
	"encoding/json"
	"fmt"
)

// members walks over the members of an object. Its keys are as written, so that no key stands for another that differs
// in case, and unique: of two equal keys one reader takes the first and another the last, which lets a request mean
// one thing to whoever checked it and another to whoever acts on it.
type members struct {
	text
	key   []byte // unquoted
	name  []byte // as written, with its quotes
	value []byte
	err   error
	first bool
	seen  keys
}

// walk begins at the brace of an object that is all there is in raw.
func walk(raw []byte) members {
	m := members{text: text{data: raw}, first: true}
	m.space()
	m.err = m.expect('{')
	return m
}

// next reads one member. After it gave false, err says whether the object was whole.
func (m *members) next() bool {
	if m.err != nil {
		return false
	}
	more, err := m.more('}', m.first)
	if m.first = false; err != nil || !more {
		if m.err = err; err == nil {
			m.err = m.end()
		}
		return false
	}
	m.err = m.read()
	return m.err == nil
}

func (m *members) read() error {
	from := m.at
	if err := m.quoted(); err != nil {
		return err
	}
	m.name = m.data[from:m.at]
	key, ok := unquote(m.name)
	if !ok {
		return fmt.Errorf("the key before byte %d has half a surrogate pair", m.at)
	}
	if m.key = key; !m.seen.add(key) {
		return fmt.Errorf("the key before byte %d is there twice", m.at)
	}
	if err := m.colon(); err != nil {
		return err
	}
	from = m.at
	if err := m.text.value(1); err != nil {
		return err
	}
	m.value = m.data[from:m.at]
	return nil
}

// keys remembers the keys of one object, the usual few without allocating.
type keys struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add says whether the key is new.
func (k *keys) add(key []byte) bool {
	for _, other := range k.few[:min(k.n, len(k.few))] {
		if string(other) == string(key) {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	if _, found := k.many[string(key)]; found {
		return false
	}
	if k.many == nil {
		k.many = map[string]struct{}{}
	}
	k.many[string(key)] = struct{}{}
	return true
}

// items reads the items of an array that is all there is in raw, at most limit of them; whole tells that there are no
// more.
func items(raw []byte, limit int) (values [][]byte, whole bool, err error) {
	t := text{data: raw}
	t.space()
	if err := t.expect('['); err != nil {
		return nil, false, err
	}
	values = [][]byte{}
	for first := true; ; first = false {
		more, err := t.more(']', first)
		if err != nil {
			return nil, false, err
		}
		if !more {
			return values, len(values) <= limit, t.end()
		}
		from := t.at
		if err := t.value(1); err != nil {
			return nil, false, err
		}
		if len(values) <= limit {
			values = append(values, t.data[from:t.at])
		}
	}
}

// kind is the first byte of a value: { [ " t f n, or 0 for a number.
func kind(raw []byte) byte {
	t := text{data: raw}
	t.space()
	switch c := t.peek(); c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return 0
}

// whole says whether raw is one JSON value.
func whole(raw []byte) error {
	t := text{data: raw}
	t.space()
	if err := t.value(0); err != nil {
		return err
	}
	return t.end()
}

// unquote gives the content of a string as written. False: an escape in it is half of a surrogate pair, which no UTF-8
// can hold (RFC 8259 section 8.2); encoding/json would make U+FFFD of it, and two names one.
func unquote(quoted []byte) ([]byte, bool) {
	inner := quoted[1 : len(quoted)-1]
	escaped, paired := inspect(inner)
	if !escaped || !paired {
		return inner, paired
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, false
	}
	return []byte(s), true
}

// inspect says whether a string has escapes, and whether all its surrogates come in pairs.
func inspect(inner []byte) (escaped, paired bool) {
	high := -1 // where the low half must follow
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			continue
		}
		escaped = true
		if i++; inner[i] != 'u' {
			continue
		}
		follows := high == i-1
		switch half(inner[i+1 : i+3]) {
		case highHalf:
			if high >= 0 {
				return true, false
			}
			high = i + 5
		case lowHalf:
			if !follows {
				return true, false
			}
			high = -1
		}
		i += 4
	}
	return escaped, high < 0
}

const (
	highHalf = 'h'
	lowHalf  = 'l'
)

// half says by the first two of its four hex digits which half of a pair an escape is: D8..DB are high, DC..DF low.
func half(digits []byte) byte {
	if digits[0]|0x20 != 'd' {
		return 0
	}
	switch digits[1] | 0x20 {
	case '8', '9', 'a', 'b':
		return highHalf
	case 'c', 'd', 'e', 'f':
		return lowHalf
	}
	return 0
}

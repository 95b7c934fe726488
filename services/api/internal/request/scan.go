package request

import (
	"errors"
	"fmt"
)

// maxDepth is how deep a body may nest. It bounds the stack that a few kilobytes of brackets can ask for, here and in
// whoever reads the message later.
const maxDepth = 200

var (
	errDepth = fmt.Errorf("it nests deeper than %d levels", maxDepth)
	errUTF8  = errors.New("it is not UTF-8")
)

// text is JSON being read, strictly as RFC 8259 says. It accepts what json.Valid accepts, but for the depth.
type text struct {
	data []byte
	at   int
}

func (t *text) space() {
	for t.at < len(t.data) {
		switch t.data[t.at] {
		case ' ', '\n', '\r', '\t':
			t.at++
		default:
			return
		}
	}
}

// peek is the byte to be read next, 0 at the end.
func (t *text) peek() byte {
	if t.at < len(t.data) {
		return t.data[t.at]
	}
	return 0
}

func (t *text) wrong() error {
	if t.at >= len(t.data) {
		return errors.New("it ends too early")
	}
	return fmt.Errorf("byte %d is not what belongs there", t.at)
}

// expect reads one byte that must be c.
func (t *text) expect(c byte) error {
	if t.peek() != c || t.at >= len(t.data) {
		return t.wrong()
	}
	t.at++
	return nil
}

// end reads the rest, which must be nothing.
func (t *text) end() error {
	if t.space(); t.at < len(t.data) {
		return t.wrong()
	}
	return nil
}

// value reads one value; space around it has been or is to be read by the caller.
func (t *text) value(depth int) error {
	switch c := t.peek(); c {
	case '"':
		return t.quoted()
	case '{':
		return t.object(depth + 1)
	case '[':
		return t.array(depth + 1)
	case 't':
		return t.word("true")
	case 'f':
		return t.word("false")
	case 'n':
		return t.word("null")
	default:
		return t.number()
	}
}

func (t *text) object(depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	t.at++
	for first := true; ; first = false {
		if more, err := t.more('}', first); !more || err != nil {
			return err
		}
		if err := t.member(depth); err != nil {
			return err
		}
	}
}

// member reads `"key" : value`.
func (t *text) member(depth int) error {
	if err := t.quoted(); err != nil {
		return err
	}
	if err := t.colon(); err != nil {
		return err
	}
	return t.value(depth)
}

func (t *text) colon() error {
	t.space()
	if err := t.expect(':'); err != nil {
		return err
	}
	t.space()
	return nil
}

func (t *text) array(depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	t.at++
	for first := true; ; first = false {
		if more, err := t.more(']', first); !more || err != nil {
			return err
		}
		if err := t.value(depth); err != nil {
			return err
		}
	}
}

// more reads up to the next item of an object or array, or its end.
func (t *text) more(end byte, first bool) (bool, error) {
	t.space()
	if t.peek() == end {
		t.at++
		return false, nil
	}
	if first {
		return true, nil
	}
	if err := t.expect(','); err != nil {
		return false, err
	}
	t.space()
	return true, nil
}

func (t *text) word(word string) error {
	for i := range len(word) {
		if err := t.expect(word[i]); err != nil {
			return err
		}
	}
	return nil
}

// quoted reads a string with its quotes.
func (t *text) quoted() error {
	if err := t.expect('"'); err != nil {
		return err
	}
	for {
		rest := t.data[t.at:]
		n := 0
		for n < len(rest) && rest[n] != '"' && rest[n] != '\\' && rest[n] >= ' ' {
			n++
		}
		t.at += n
		switch {
		case n == len(rest) || rest[n] < ' ':
			return t.wrong()
		case rest[n] == '"':
			t.at++
			return nil
		}
		if err := t.escape(); err != nil {
			return err
		}
	}
}

func (t *text) escape() error {
	t.at++
	switch t.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		t.at++
		return nil
	case 'u':
		t.at++
	default:
		return t.wrong()
	}
	for range 4 {
		if !isHex(t.peek()) {
			return t.wrong()
		}
		t.at++
	}
	return nil
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (t *text) number() error {
	if t.peek() == '-' {
		t.at++
	}
	if t.peek() == '0' {
		t.at++
	} else if err := t.digits(); err != nil {
		return err
	}
	if t.peek() == '.' {
		t.at++
		if err := t.digits(); err != nil {
			return err
		}
	}
	if c := t.peek(); c != 'e' && c != 'E' {
		return nil
	}
	t.at++
	if c := t.peek(); c == '+' || c == '-' {
		t.at++
	}
	return t.digits()
}

// digits reads at least one.
func (t *text) digits() error {
	first := t.at
	for c := t.peek(); c >= '0' && c <= '9'; c = t.peek() {
		t.at++
	}
	if t.at == first {
		return t.wrong()
	}
	return nil
}

package rfc6455

import (
	"unicode/utf8"
	"unsafe"
)

// pending is what came of a frame or message that is not whole. Of the frame either the header is not whole (headed > 0)
// or the payload is not (inside), or the next one is yet to begin. Beside that a message may be open, whose kind is not
// 0: the frame is one of its fragments or a control frame between them.
type pending struct {
	head   [maxHeader]byte
	headed uint8 // bytes in head
	inside bool
	frame  frame // while inside

	control []byte // the payload of a control frame, so far

	kind     Kind // of the open message
	deflated bool
	data     []byte // the message's payload so far, unmasked
	checked  int    // data[:checked] is UTF-8
}

// unfinished gives the pending state, made when something is left unfinished first.
func (r *Reader) unfinished() *pending {
	if r.pending == nil {
		r.pending = new(pending)
	}
	return r.pending
}

func (u *pending) size() int {
	return int(unsafe.Sizeof(*u)) + cap(u.data) + cap(u.control)
}

// holdsNothing says that the rest of the frame f is all there is of what it ends.
func (u *pending) holdsNothing(f frame) bool {
	if f.kind.control() {
		return u == nil || !u.inside
	}
	return f.final && (u == nil || u.kind == continuation)
}

// keep adds to what came of the frame f, and gives what is held of what it belongs to, of which data[:checked] is UTF-8.
func (u *pending) keep(f frame, payload []byte, limit int) (data []byte, checked int, err *Error) {
	if f.kind.control() {
		if !u.inside {
			u.control = u.control[:0]
		}
		u.control = u.add(u.control, f, payload, maxControl)
		return u.control, 0, nil
	}
	if f.kind != continuation {
		u.kind, u.deflated = f.kind, f.deflated
	}
	u.data = u.add(u.data, f, payload, limit)
	if u.kind == Text && !u.deflated {
		n, ok := wholeRunes(u.data[u.checked:])
		if !ok {
			return nil, 0, errText
		}
		u.checked += n
	}
	return u.data, u.checked, nil
}

// add appends the payload to dst, unmasked, and remembers how the frame goes on. dst grows by doubling, so that a
// client's bytes are copied a bounded number of times, but neither over the limit nor over what the last frame needs.
func (u *pending) add(dst []byte, f frame, payload []byte, limit int) []byte {
	if f.final {
		limit = len(dst) + f.left
	}
	if need := len(dst) + len(payload); need > cap(dst) {
		dst = append(make([]byte, 0, min(max(need, 2*cap(dst)), limit)), dst...)
	}
	start := len(dst)
	dst = append(dst, payload...)
	f.key = unmask(f.key, dst[start:])
	f.left -= len(payload)
	u.frame, u.inside = f, f.left > 0
	return dst
}

// wholeRunes says how many bytes of p are whole characters, and whether p may be the beginning of UTF-8.
func wholeRunes(p []byte) (n int, ok bool) {
	n = len(p)
	for i := 1; i <= min(utf8.UTFMax-1, len(p)); i++ {
		if last := p[len(p)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				n -= i
			}
			break
		}
	}
	return n, utf8.Valid(p[:n])
}

// Package rfc6455 reads what clients send over a WebSocket. It is pure: it has no socket, no goroutine, no clock and no
// lock. Whoever owns the socket hands over bytes as they come, and is given what the client says.
//
//	from the client                          given
//	  text   FIN mask "hello"                  Text "hello"
//	  text       mask "hel"                    nothing: the Reader keeps three bytes
//	  ping   FIN mask "a"                      Ping "a", between the fragments of a message
//	  cont.  FIN mask "lo"                     Text "hello"
//	  text   FIN RSV1 mask (deflated)          Text, inflated, where permessage-deflate was negotiated
//	  close  FIN mask 1000 "bye"               Close 1000 "bye"; what follows is passed over
//	  what breaks a rule                       an *Error, which says with which code to close; then only that Error
//
// It promises that
//   - bytes give the same, in whichever pieces they come, at a cost that grows with their number only;
//   - a message that is whole in the bytes handed over is unmasked in place and neither copied nor kept;
//   - nothing is held for an idle client, and never more than the limit of a message and a small constant for another:
//     memory grows with what came, not with what was announced, and nothing is inflated beyond the limit;
//   - text is UTF-8, and wrong text is refused at the first wrong byte unless it is compressed.
//
// It does not answer: pongs, close frames and deadlines are the caller's. It does not refuse lengths that could have
// been written with fewer bytes.
//
// Sources: RFC 6455 sections 5, 7.4 and 8.1; RFC 7692 section 7.2.2.
package rfc6455

import (
	"encoding/binary"
	"unicode/utf8"
)

// Kind says what a Message is. The values are the opcodes of RFC 6455 section 11.8.
type Kind uint8

// The kinds of messages.
const (
	Text   Kind = 0x1
	Binary Kind = 0x2
	Close  Kind = 0x8
	Ping   Kind = 0x9
	Pong   Kind = 0xA
)

// continuation is the opcode of the fragments after the first.
const continuation Kind = 0x0

// control says whether a frame of the kind may stand between the fragments of a message.
func (k Kind) control() bool { return k >= Close }

// NoStatus is the Code of a Close that has none (RFC 6455 section 7.1.5).
const NoStatus = 1005

// Message is something that a client says: a whole data message, or a control frame.
type Message struct {
	Kind Kind
	Data []byte // of a Close: the reason's text
	Code uint16 // of a Close
}

// Reader takes the bytes of one connection as they come, and gives what the client says. It is used by one goroutine
// at a time.
type Reader struct {
	limit   int
	pending *pending // nil while nothing is unfinished
	failed  *Error   // the rule that the client broke
	deflate bool
	closed  bool   // the client has sent its close frame
	begun   uint32 // frames since Frames
}

// NewReader makes the Reader of one connection. A message may have at most limit bytes, as it is sent and also once
// inflated. deflate says that permessage-deflate was negotiated, with no context takeover in both directions.
func NewReader(limit int, deflate bool) Reader {
	return Reader{limit: limit, deflate: deflate}
}

// Next gives the first thing that is said in p, and how many bytes of p it used. If ok is false then nothing was whole:
// all of p was used, and the Reader keeps what it needs. Data lies in p, whose bytes are changed, or in the Reader; it is
// valid until the next call. An error is an *Error, and final. What follows a Close is passed over.
func (r *Reader) Next(p []byte) (m Message, used int, ok bool, err error) {
	for r.failed == nil && !r.closed && used < len(p) {
		said, n, whole, broken := r.step(p[used:])
		used += n
		if broken != nil {
			r.failed, r.pending = broken, nil
		} else if whole {
			r.closed = said.Kind == Close
			return said, used, true, nil
		}
	}
	if r.failed != nil {
		return Message{}, len(p), false, r.failed
	}
	return Message{}, len(p), false, nil
}

// Pending says how many bytes of memory the Reader holds for an unfinished frame or message: 0 if there is none.
func (r *Reader) Pending() int {
	if r.pending == nil {
		return 0
	}
	return r.pending.size()
}

// Frames says how many frames have begun since it was asked last: many of them may be one message, or none.
func (r *Reader) Frames() int {
	n := int(r.begun)
	r.begun = 0
	return n
}

// step reads what p has of one frame.
func (r *Reader) step(p []byte) (m Message, used int, ok bool, err *Error) {
	f, used, known, err := r.frame(p)
	if err != nil || !known {
		return m, used, false, err
	}
	payload := p[used:][:min(f.left, len(p)-used)]
	used += len(payload)
	whole := len(payload) == f.left
	if whole && r.pending.holdsNothing(f) {
		unmask(f.key, payload)
		m, err = r.finish(f, payload, 0)
		return m, used, err == nil, err
	}
	data, checked, err := r.unfinished().keep(f, payload, r.limit)
	if err != nil || !whole || !f.final {
		return m, used, false, err
	}
	m, err = r.finish(f, data, checked)
	return m, used, err == nil, err
}

// frame gives the header of the frame that p goes on with, and how many bytes of p belong to it. known is false while
// the header is not whole.
func (r *Reader) frame(p []byte) (f frame, used int, known bool, err *Error) {
	if r.pending != nil && r.pending.inside {
		return r.pending.frame, 0, true, nil
	}
	if r.pending == nil || r.pending.headed == 0 {
		r.begun++
		if f, used, known, err = r.parse(p); known || err != nil {
			return f, used, known, err
		}
	}
	u := r.unfinished()
	before := int(u.headed)
	u.headed += uint8(copy(u.head[before:], p))
	f, used, known, err = r.parse(u.head[:u.headed])
	if !known {
		return f, int(u.headed) - before, false, err
	}
	u.headed = 0
	return f, used - before, true, nil
}

// finish gives what ends with the last frame f. data[:checked] is known to be UTF-8.
func (r *Reader) finish(f frame, data []byte, checked int) (Message, *Error) {
	if f.kind.control() {
		if r.pending != nil && r.pending.kind == continuation {
			r.pending = nil
		}
		return control(f.kind, data)
	}
	kind, deflated := f.kind, f.deflated
	if kind == continuation {
		kind, deflated = r.pending.kind, r.pending.deflated
	}
	r.pending = nil
	if deflated {
		var err *Error
		if data, err = inflate(data, r.limit); err != nil {
			return Message{}, err
		}
	}
	if kind == Text && !utf8.Valid(data[checked:]) {
		return Message{}, errText
	}
	return Message{Kind: kind, Data: data}, nil
}

// control gives what a control frame says (RFC 6455 section 5.5).
func control(kind Kind, payload []byte) (Message, *Error) {
	switch {
	case kind != Close:
		return Message{Kind: kind, Data: payload}, nil
	case len(payload) == 0:
		return Message{Kind: Close, Code: NoStatus}, nil
	case len(payload) == 1:
		return Message{}, errHalfCode
	}
	code, text := binary.BigEndian.Uint16(payload), payload[2:]
	switch {
	case !maySend(code):
		return Message{}, errCode
	case !utf8.Valid(text):
		return Message{}, errReason
	}
	return Message{Kind: Close, Data: text, Code: code}, nil
}

// maySend says whether a close frame may hold the code (RFC 6455 section 7.4 and IANA's registry). 1004 means nothing
// yet, 1005, 1006 and 1015 are never sent.
func maySend(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}

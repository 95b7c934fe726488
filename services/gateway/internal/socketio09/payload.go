package socketio09

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// mark stands on both sides of a length: U+FFFD.
const mark = "\ufffd"

// AppendFramed appends a packet behind its length, so that others can stand beside it: <U+FFFD>3<U+FFFD>8::
func AppendFramed(dst, packet []byte) []byte {
	dst = strconv.AppendInt(append(dst, mark...), int64(units(packet)), 10)
	return append(append(dst, mark...), packet...)
}

// units counts UTF-16 code units.
func units(text []byte) int {
	n := 0
	for _, c := range text {
		if c < 0x80 || c >= 0xC0 { // not in the middle of a character
			n++
		}
		if c >= 0xF0 { // four bytes are two units
			n++
		}
	}
	return n
}

// Payload gives a payload that is made of framed packets as it is sent: one packet alone stands without a length.
func Payload(framed []byte) []byte {
	if packet, rest, err := cut(framed); err == nil && len(rest) == 0 {
		return packet
	}
	return framed
}

// DecodePayload reads the body of a POST: one packet or more, at most maxPackets. Data aliases body as in Decode. One bad
// packet refuses the whole payload, so nothing of it has happened when the session is closed.
//
// Errors: ErrLength, ErrTooManyPackets, and those of Decode.
func DecodePayload(body []byte, maxPackets int) ([]Packet, error) {
	if !bytes.HasPrefix(body, []byte(mark)) {
		p, err := Decode(body)
		return []Packet{p}, err
	}
	var packets []Packet
	for len(body) > 0 {
		if len(packets) == maxPackets {
			return nil, fmt.Errorf("%w: at most %d", ErrTooManyPackets, maxPackets)
		}
		text, rest, err := cut(body)
		if err != nil {
			return nil, fmt.Errorf("decode packet %d: %w", len(packets), err)
		}
		p, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("decode packet %d: %w", len(packets), err)
		}
		packets, body = append(packets, p), rest
	}
	return packets, nil
}

// cut takes the first framed packet off a payload.
func cut(payload []byte) (packet, rest []byte, err error) {
	rest, ok := bytes.CutPrefix(payload, []byte(mark))
	if !ok {
		return nil, nil, ErrLength
	}
	digits, rest, ok := bytes.Cut(rest, []byte(mark))
	if !ok {
		return nil, nil, ErrLength
	}
	length, ok := readUint(digits, int64(len(rest))) // no character has more units than bytes
	if !ok {
		return nil, nil, ErrLength
	}
	at := 0
	for left := int(length); left > 0; {
		r, size := utf8.DecodeRune(rest[at:])
		if size == 0 {
			return nil, nil, ErrLength
		}
		if left--; r >= 0x10000 {
			left--
		}
		if left < 0 { // it ends within a character
			return nil, nil, ErrLength
		}
		at += size
	}
	return rest[:at], rest[at:], nil
}

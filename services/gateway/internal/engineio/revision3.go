package engineio

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Engine.IO, revision 3, as clients 1.x and 2.x of Socket.IO speak it (https://github.com/socketio/engine.io-protocol, branch
// v3). Packets are those of revision 4; what differs:
//
//	client                                             server
//	GET  ?EIO=3&transport=polling             ──────►
//	                                          ◄──────  96:0{"sid":"…",…}2:40          each packet behind its length
//	POST ?…&sid=…   11:40/stream,1:2          ──────►
//	GET  ?…&sid=…                             ──────►
//	                                          ◄──────  1:3                            the client pings, the server answers
//	                                               whoever does not ask for b64=1 gets payloads of bytes, see DecodeBinaryPayload3
//	GET  ?…&sid=…&j=0                         ──────►
//	                                          ◄──────  ___eio[0]("1:6");              JSONP polling
//
// A length counts characters as JavaScript does, in UTF-16. Clients 1.x write the packets of a payload twice in UTF-8, and read
// them so; clients 2.x do not. What is ASCII is the same to both, so AppendRecord writes nothing else, and DecodePayload3
// takes either.

// ErrBadLength is returned for a payload of revision 3 in which a packet's length is missing, no number, or wrong.
var ErrBadLength = errors.New("bad length of a packet")

// maxLengthDigits bounds the digits of a length.
const maxLengthDigits = 9

// IsRevision3 says whether a client that asks for a version speaks revision 3: clients 1.0 say 2, and mean the same.
func IsRevision3(version string) bool { return version == "3" || version == "2" }

// AppendRecord appends a packet to a payload, behind its length: 2:40. What is not ASCII, which is in JSON strings only, is escaped.
func AppendRecord(dst, packet []byte) []byte {
	begin := len(dst)
	return LengthenRecord(AppendASCII(dst, packet), begin)
}

// LengthenRecord puts the length before a packet in ASCII that was appended from begin on.
func LengthenRecord(dst []byte, begin int) []byte {
	size := len(dst) - begin
	var digits [maxLengthDigits + 2]byte
	head := append(strconv.AppendInt(digits[:0], int64(size), 10), ':')
	dst = append(dst, head...)
	copy(dst[begin+len(head):], dst[begin:begin+size])
	copy(dst[begin:], head)
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendASCII appends text; what is not ASCII is escaped as JSON strings have it (RFC 8259 section 7).
func AppendASCII(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = append(dst, text[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i += size
		if r > 0xffff {
			r -= 0x10000
			dst = appendUnit(dst, 0xd800+r>>10)
			r = 0xdc00 + r&0x3ff
		}
		dst = appendUnit(dst, r)
	}
	return dst
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&0xf], hexDigits[u>>8&0xf], hexDigits[u>>4&0xf], hexDigits[u&0xf])
}

// SplitRecords gives the packets of a payload that AppendRecord has made.
func SplitRecords(payload []byte) [][]byte {
	var packets [][]byte
	for len(payload) > 0 {
		record, rest, err := cutRecord(payload)
		if err != nil {
			return packets
		}
		packets, payload = append(packets, record), rest
	}
	return packets
}

// DecodePayload3 reads the body of a POST: one packet or more, at most maxPackets. Data may alias body.
//
// Errors: ErrTooManyPackets, ErrBadLength, and those of DecodeText3; an empty body is ErrEmptyPacket.
func DecodePayload3(body []byte, maxPackets int) ([]Packet, error) {
	if !utf8.Valid(body) {
		return nil, ErrNotUTF8
	}
	return decodeRecords(body, maxPackets, func(body []byte) (Packet, []byte, error) {
		record, rest, err := cutRecord(body)
		if err != nil {
			return Packet{}, nil, err
		}
		p, err := DecodeText3(once(record))
		return p, rest, err
	})
}

func decodeRecords(body []byte, maxPackets int, next func([]byte) (Packet, []byte, error)) ([]Packet, error) {
	if len(body) == 0 {
		return nil, ErrEmptyPacket
	}
	var packets []Packet
	for len(body) > 0 {
		if len(packets) == maxPackets {
			return nil, fmt.Errorf("%w: at most %d", ErrTooManyPackets, maxPackets)
		}
		p, rest, err := next(body)
		if err != nil {
			return nil, fmt.Errorf("decode packet %d: %w", len(packets), err)
		}
		packets, body = append(packets, p), rest
	}
	return packets, nil
}

// cutRecord takes the first packet off a payload that is UTF-8.
func cutRecord(payload []byte) (record, rest []byte, err error) {
	digits := bytes.IndexByte(payload[:min(len(payload), maxLengthDigits+1)], ':')
	if digits < 1 {
		return nil, nil, ErrBadLength
	}
	units, err := strconv.ParseUint(string(payload[:digits]), 10, 32)
	if err != nil || payload[0] == '+' {
		return nil, nil, ErrBadLength
	}
	payload = payload[digits+1:]
	end := 0
	for left := int(units); left > 0; left-- { //nolint:gosec // it has 32 bits
		if end == len(payload) {
			return nil, nil, ErrBadLength
		}
		r, size := utf8.DecodeRune(payload[end:])
		end += size
		if r > 0xffff {
			left-- // it is two in UTF-16
		}
		if left <= 0 {
			return nil, nil, ErrBadLength // it ends within a character
		}
	}
	return payload[:end], payload[end:], nil
}

// once undoes the second UTF-8 of clients 1.x: a packet that has only characters up to U+00FF, which as bytes are UTF-8.
func once(record []byte) []byte {
	bytewise := make([]byte, 0, len(record))
	for _, r := range string(record) {
		if r > 0xff {
			return record
		}
		bytewise = append(bytewise, byte(r))
	}
	if len(bytewise) == len(record) || !utf8.Valid(bytewise) {
		return record
	}
	return bytewise
}

// binaryEnd is behind the length in a payload of bytes.
const binaryEnd = 0xff

// DecodeBinaryPayload3 reads the body of a POST of the content type application/octet-stream, which browsers send that can:
//
//	0x00 0x05 0xff 4text      text: a zero, the length in bytes, a digit a byte, 0xff, the packet
//	0x01 0x04 0xff 0x04 …     binary: a one, …
//
// Errors: ErrTooManyPackets, ErrBadLength, and those of DecodeText3; an empty body is ErrEmptyPacket.
func DecodeBinaryPayload3(body []byte, maxPackets int) ([]Packet, error) {
	return decodeRecords(body, maxPackets, func(body []byte) (Packet, []byte, error) {
		kind, size, at := body[0], 0, 1
		for ; at < len(body) && body[at] != binaryEnd; at++ {
			if body[at] > 9 || at > maxLengthDigits {
				return Packet{}, nil, ErrBadLength
			}
			size = 10*size + int(body[at])
		}
		if kind > 1 || at == 1 || at == len(body) || size > len(body)-at-1 {
			return Packet{}, nil, ErrBadLength
		}
		record, rest := body[at+1:][:size], body[at+1+size:]
		if kind == 0 {
			p, err := DecodeText3(record)
			return p, rest, err
		}
		if size == 0 || record[0] != byte(Message) {
			return Packet{}, nil, ErrUnknownType
		}
		return Packet{Type: Message, Binary: true, Data: record[1:]}, rest, nil
	})
}

// AppendBinaryPayload3 appends the packets of a payload that AppendRecord has made as a payload of bytes.
func AppendBinaryPayload3(dst, payload []byte) []byte {
	for _, packet := range SplitRecords(payload) {
		dst = append(dst, 0)
		begin := len(dst)
		dst = strconv.AppendInt(dst, int64(len(packet)), 10)
		for i := range dst[begin:] {
			dst[begin+i] -= '0'
		}
		dst = append(append(dst, binaryEnd), packet...)
	}
	return dst
}

// DecodeText3 is DecodeText for revision 3, where the type of a binary packet stands before its base64: b4AQID.
func DecodeText3(frame []byte) (Packet, error) {
	if len(frame) == 0 || frame[0] != binaryMark {
		return DecodeText(frame)
	}
	if len(frame) == 1 || frame[1] != '0'+byte(Message) {
		return Packet{}, ErrUnknownType
	}
	return decodeBase64(frame[2:])
}

package generator

import (
	"encoding/binary"
	"errors"
)

// WebSocket frames as a server sends them (RFC 6455 §5.2): two bytes of flags and length, two or eight more for a long
// length, never a mask, then the payload.

const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

var (
	errMasked     = errors.New("server frame is masked (RFC 6455 §5.1)")
	errFragmented = errors.New("message is fragmented or has an extension bit, which was not negotiated")
	errTooLarge   = errors.New("frame is larger than the read buffer")
)

type frame struct {
	opcode  byte
	payload []byte
	size    int // header and payload
}

// nextFrame returns the frame that buf begins with. Without a whole one, its size is 0.
func nextFrame(buf []byte) (frame, error) {
	if len(buf) < 2 {
		return frame{}, nil
	}
	if buf[0]&0xF0 != 0x80 || buf[0]&0x0F == 0 {
		return frame{}, errFragmented
	}
	if buf[1]&0x80 != 0 {
		return frame{}, errMasked
	}
	header, length := 2, uint64(buf[1])
	switch length {
	case 126:
		if header = 4; len(buf) < header {
			return frame{}, nil
		}
		length = uint64(binary.BigEndian.Uint16(buf[2:]))
	case 127:
		if header = 10; len(buf) < header {
			return frame{}, nil
		}
		length = binary.BigEndian.Uint64(buf[2:])
	}
	if length > readBuffer-uint64(header) {
		return frame{}, errTooLarge
	}
	size := header + int(length)
	if len(buf) < size {
		return frame{}, nil
	}
	return frame{opcode: buf[0] & 0x0F, payload: buf[header:size], size: size}, nil
}

// appendClientFrame appends a short client frame. The mask is zero, which masks nothing but is legal: it protects
// intermediaries from scripts (RFC 6455 §10.3), and here is neither.
func appendClientFrame(dst []byte, opcode byte, payload []byte) []byte {
	payload = payload[:min(len(payload), 125)]
	dst = append(dst, 0x80|opcode, 0x80|byte(len(payload)), 0, 0, 0, 0)
	return append(dst, payload...)
}

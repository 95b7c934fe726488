package rfc6455

import "encoding/binary"

// A frame is (RFC 6455 section 5.2)
//
//	bits  1    1    1    1    4       1     7       0, 16 or 64   32    8 × length
//	      FIN  RSV1 RSV2 RSV3 opcode  MASK  length  length        mask  payload
//
// where a length of 126 says that 16 bits of length follow, and 127 that 64 do.
const (
	bitFinal    = 0x80
	bitDeflated = 0x40 // RSV1 (RFC 7692 section 6)
	bitsUnused  = 0x30 // RSV2 and RSV3
	bitsOpcode  = 0x0F
	bitMasked   = 0x80

	maxHeader  = 2 + 8 + 4
	maxControl = 125 // RFC 6455 section 5.5
)

// frame is a frame of which payload is yet to come.
type frame struct {
	kind     Kind
	final    bool
	deflated bool
	key      uint32 // the mask for what is left: its lowest byte is for the first
	left     int    // bytes of payload
}

// parse reads the header at the start of h, as far as it goes: each rule is looked at with the byte that could break it,
// so that pieces fail as the whole does. used is the header's size; known is false while h has not all of it.
func (r *Reader) parse(h []byte) (f frame, used int, known bool, err *Error) {
	if f, err = r.first(h[0]); err != nil || len(h) < 2 {
		return f, 0, false, err
	}
	size, length := 2, uint64(h[1]&^bitMasked)
	switch {
	case h[1]&bitMasked == 0:
		return f, 0, false, errUnmasked
	case f.kind.control() && length > maxControl:
		return f, 0, false, errLongControl
	case length == 126:
		if size += 2; len(h) >= size {
			length = uint64(binary.BigEndian.Uint16(h[2:]))
		}
	case length == 127:
		if size += 8; len(h) >= size {
			length = binary.BigEndian.Uint64(h[2:])
		}
	}
	if len(h) < size {
		return f, 0, false, nil
	}
	if err = r.fits(f, length); err != nil || len(h) < size+4 {
		return f, 0, false, err
	}
	f.key, f.left = binary.LittleEndian.Uint32(h[size:]), int(length)
	return f, size + 4, true, nil
}

// first reads the first byte of a frame.
func (r *Reader) first(b byte) (frame, *Error) {
	f := frame{kind: Kind(b & bitsOpcode), final: b&bitFinal != 0, deflated: b&bitDeflated != 0}
	fragmented := r.pending != nil && r.pending.kind != continuation
	switch f.kind {
	case continuation:
		if !fragmented {
			return f, errNothingToContinue
		}
	case Text, Binary:
		if fragmented {
			return f, errNotContinued
		}
	case Close, Ping, Pong:
		if !f.final {
			return f, errFragmentedControl
		}
	default:
		return f, errOpcode
	}
	if b&bitsUnused != 0 || f.deflated && !(r.deflate && (f.kind == Text || f.kind == Binary)) {
		return f, errReserved
	}
	return f, nil
}

// fits says whether the frame's payload may still come, by what is announced and before any of it is kept.
func (r *Reader) fits(f frame, length uint64) *Error {
	switch {
	case length>>63 != 0:
		return errLength
	case f.kind.control():
		return nil
	}
	held := 0
	if r.pending != nil {
		held = len(r.pending.data)
	}
	if length > uint64(r.limit-held) {
		return errTooLarge
	}
	return nil
}

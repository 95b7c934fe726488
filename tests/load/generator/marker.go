package generator

import "bytes"

// A mark travels inside every message of a run and names it: which lane of the publisher sent it, to which channel,
// as the how-manieth of that lane in that channel, and when. It is plain lower-case text of a fixed length, so that it
// comes through any JSON encoder unchanged and is found without parsing:
//
//	@bench:<lane, 4 hex><channel, 8 hex><sequence, 8 hex><nanoseconds, 16 hex>
type mark struct {
	lane     uint32
	channel  uint32
	sequence uint32
	sent     int64 // nanoseconds on the generator's monotonic clock
}

const (
	markPrefix = "@bench:"
	markLength = len(markPrefix) + 4 + 8 + 8 + 16
)

// MinPayload is the least payload, in bytes, that holds a message's mark.
const MinPayload = markLength

const hexDigits = "0123456789abcdef"

// appendPayload appends a mark filled up to size bytes.
func appendPayload(dst []byte, m mark, size int) []byte {
	dst = append(dst, markPrefix...)
	dst = appendHex(dst, uint64(m.lane), 4)
	dst = appendHex(dst, uint64(m.channel), 8)
	dst = appendHex(dst, uint64(m.sequence), 8)
	dst = appendHex(dst, uint64(m.sent), 16)
	for range size - markLength {
		dst = append(dst, 'x')
	}
	return dst
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}

// scanMarks appends to dst the marks found in a frame's payload, in order. What looks like a mark but is none is passed over.
func scanMarks(dst []mark, payload []byte) []mark {
	for {
		at := bytes.Index(payload, []byte(markPrefix))
		if at < 0 || len(payload)-at < markLength {
			return dst
		}
		if m, ok := parseMark(payload[at+len(markPrefix):]); ok {
			dst = append(dst, m)
		}
		payload = payload[at+len(markPrefix):]
	}
}

// parseMark reads what follows the prefix; b is long enough.
func parseMark(b []byte) (mark, bool) {
	lane, ok1 := parseHex(b[0:4])
	channel, ok2 := parseHex(b[4:12])
	sequence, ok3 := parseHex(b[12:20])
	sent, ok4 := parseHex(b[20:36])
	m := mark{lane: uint32(lane), channel: uint32(channel), sequence: uint32(sequence), sent: int64(sent)}
	return m, ok1 && ok2 && ok3 && ok4
}

func parseHex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// A markCache remembers the last few payloads and their marks. A fan-out server sends the same frame to every member, so
// nearly every frame is found here by one comparison, and the generator does not scan the same bytes a thousand times.
type markCache struct {
	entries [8]struct {
		payload []byte
		marks   []mark
		offset  uint64
	}
	oldest int
}

// marks returns the marks of a payload, valid until the next call, and the last offset in it, if offsets are read.
func (c *markCache) marks(payload []byte, offsets bool) ([]mark, uint64) {
	for i := range c.entries {
		if e := &c.entries[i]; bytes.Equal(e.payload, payload) {
			return e.marks, e.offset
		}
	}
	e := &c.entries[c.oldest]
	c.oldest = (c.oldest + 1) % len(c.entries)
	e.payload = append(e.payload[:0], payload...)
	e.marks = scanMarks(e.marks[:0], payload)
	if offsets {
		e.offset = lastOffset(payload)
	}
	return e.marks, e.offset
}

// lastOffset finds the last offset in a frame, 0 for none.
func lastOffset(payload []byte) (offset uint64) {
	const key = `"offset":`
	at := bytes.LastIndex(payload, []byte(key))
	if at < 0 {
		return 0
	}
	for _, c := range payload[at+len(key):] {
		if c < '0' || c > '9' {
			break
		}
		offset = 10*offset + uint64(c-'0')
	}
	return offset
}

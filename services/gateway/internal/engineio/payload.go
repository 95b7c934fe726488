package engineio

import (
	"bytes"
	"fmt"
)

// Separator stands between the packets of a polling payload (protocol, section "HTTP long-polling", "Packet
// encoding"). No packet can hold it: a control character is escaped in JSON, and unknown to base64.
//
//	4hello<0x1e>2<0x1e>bAQIDBA==
const Separator = '\x1e'

// DecodePayload reads the body of a POST: one packet or more, at most maxPackets. Data aliases body as in DecodeText.
// One bad packet refuses the whole payload, so nothing of it has happened when the session is closed.
//
// Errors: ErrTooManyPackets, and those of DecodeText; an empty body is ErrEmptyPacket.
func DecodePayload(body []byte, maxPackets int) ([]Packet, error) {
	// Counted before anything is made: a megabyte of separators would otherwise become 40 MB of packets.
	count := bytes.Count(body, []byte{Separator}) + 1
	if count > maxPackets {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrTooManyPackets, count, maxPackets)
	}
	packets := make([]Packet, count)
	for i := range packets {
		record, rest, _ := bytes.Cut(body, []byte{Separator})
		p, err := DecodeText(record)
		if err != nil {
			return nil, fmt.Errorf("decode packet %d: %w", i, err)
		}
		packets[i], body = p, rest
	}
	return packets, nil
}

// AppendPayload appends packets as the answer to a poll, with Separator between them.
func AppendPayload(dst []byte, packets ...Packet) []byte {
	for i, p := range packets {
		if i > 0 {
			dst = append(dst, Separator)
		}
		dst = AppendText(dst, p)
	}
	return dst
}

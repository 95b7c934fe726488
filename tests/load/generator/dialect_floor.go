package generator

import "encoding/binary"

// floor speaks to the floor program: GET /ws?channel=, and messages as (length of the rest, 4 bytes; length of the
// channel's name, 1 byte; the name; the bytes that members get), by POST or on the raw publish connection.
type floor struct {
	webSocket
	envelope bool
}

// What this project's client object has around the payload, for a floor that moves as many bytes.
const (
	envelopeHead = `{"uuid":"00000000-0000-4000-8000-000000000000","type":"message","user":"bench","channel":"bench0","message":`
	envelopeTail = `,"timestamp":"2025-01-01T00:00:00.000000","edited":null,"catchup":false,"offset":1000000}`
)

func (floor) register(*poster, int, uint32) error { return nil }

func (floor) path(_ int, channel uint32, _ uint64) string {
	return "/ws?channel=" + channelName(channel)
}

func (floor) post(p *poster, body []byte) error { return p.post("/message", "", body) }

func (f floor) appendList(dst []byte, channels []uint32, payloads [][]byte) []byte {
	for i, payload := range payloads {
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0, 0)
		dst = appendChannel(dst, channels[i])
		dst[at+4] = byte(len(dst) - at - 5)
		if f.envelope {
			dst = append(dst, envelopeHead...)
		}
		dst = append(dst, '"')
		dst = append(dst, payload...)
		dst = append(dst, '"')
		if f.envelope {
			dst = append(dst, envelopeTail...)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

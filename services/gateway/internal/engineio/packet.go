// Package engineio reads and writes the packets of Engine.IO, revision 4: the layer that gives Socket.IO a
// session over WebSocket or over HTTP long polling. See the Engine.IO protocol, sections "Protocol" and
// "Transport upgrading" (https://socket.io/docs/v4/engine-io-protocol/).
//
// A session that starts with polling and moves to WebSocket:
//
//	client                                             server
//	GET  ?EIO=4&transport=polling             ──────►
//	                                          ◄──────  0{"sid":"…","upgrades":["websocket"],…}   open
//	POST ?…&sid=…   40/stream,                ──────►                                            message
//	GET  ?…&sid=…                             ──────►
//	                                          ◄──────  40/stream,{"sid":"…"}<0x1e>42/stream,["message",…]
//	GET  ?…&transport=websocket&sid=… Upgrade ──────►
//	                    frame  2probe         ──────►                                            ping
//	                                          ◄──────  frame  3probe                             pong
//	                                          ◄──────  6 ends the waiting GET                    noop
//	                    frame  5              ──────►                                            upgrade
//	                                          ◄──────  frame  2                                  ping
//	                    frame  3              ──────►                                            pong
//	                    frame  1              ──────►                                            close
//
// Promised: a packet that is returned has a known type and, unless binary, data that is UTF-8; no input makes a
// decoder panic or use more memory than a small multiple of the input; encoders only append.
// Not promised: that a packet is allowed now or from that side. Order and direction are the session's to judge.
package engineio

import (
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Version is the protocol revision that a client asks for in the query parameter EIO.
const Version = "4"

// Probe is the data of the ping, and of the pong that answers it, by which a client tries a new transport.
const Probe = "probe"

// PacketType says what a packet is for. Its value is the digit on the wire.
type PacketType byte

// The packet types of the protocol's section "Protocol".
const (
	Open    PacketType = iota // server: the handshake
	Close                     // either: the session ends
	Ping                      // server: are you there; client: only as a probe
	Pong                      // the answer to a ping, with the same data
	Message                   // either: a packet of the layer above
	Upgrade                   // client: go on over this transport
	Noop                      // server: ends a waiting poll
)

// binaryMark starts a binary message where only text can be sent; base64 follows.
const binaryMark = 'b'

// Errors of the decoders. After any of them the session is to be closed.
var (
	// ErrEmptyPacket is returned for a frame or a record without a type.
	ErrEmptyPacket = errors.New("empty packet")
	// ErrUnknownType is returned for a packet that starts with neither a type's digit nor b.
	ErrUnknownType = errors.New("unknown packet type")
	// ErrBadBase64 is returned for a binary packet that is not padded standard base64.
	ErrBadBase64 = errors.New("bad base64")
	// ErrNotUTF8 is returned for a text packet that is not UTF-8.
	ErrNotUTF8 = errors.New("text is not UTF-8")
	// ErrTooManyPackets is returned for a payload with more packets than the caller takes.
	ErrTooManyPackets = errors.New("too many packets")
)

// Packet is one Engine.IO packet.
type Packet struct {
	Type   PacketType
	Binary bool   // only messages are binary
	Data   []byte // what follows the type; decoded if it came as base64
}

// DecodeText reads the packet in a WebSocket text frame or in one record of a polling payload. Data aliases frame,
// except for base64, which clients with forceBase64 send over WebSocket too. A binary frame needs no decoding: it is
// a binary message as it stands.
//
// Errors: ErrEmptyPacket, ErrUnknownType, ErrBadBase64, ErrNotUTF8.
func DecodeText(frame []byte) (Packet, error) {
	if len(frame) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	head, data := frame[0], frame[1:]
	if head == binaryMark {
		return decodeBase64(data)
	}
	if head < '0' || head > '0'+byte(Noop) {
		return Packet{}, fmt.Errorf("%w: 0x%02x", ErrUnknownType, head)
	}
	// RFC 6455 section 8.1: a text frame with other bytes fails the connection. Were they let in, the pong or the
	// refusal that repeats them would break a frame of ours.
	if !utf8.Valid(data) {
		return Packet{}, ErrNotUTF8
	}
	return Packet{Type: PacketType(head - '0'), Data: data}, nil
}

func decodeBase64(text []byte) (Packet, error) {
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	if err != nil {
		return Packet{}, fmt.Errorf("%w: %w", ErrBadBase64, err)
	}
	return Packet{Type: Message, Binary: true, Data: data[:n]}, nil
}

// AppendText appends p as it is sent in a text frame or in one record of a payload; a binary packet is written as
// base64. In a payload text must not hold the Separator: JSON never does, it escapes control characters.
func AppendText(dst []byte, p Packet) []byte {
	if p.Binary {
		return base64.StdEncoding.AppendEncode(append(dst, binaryMark), p.Data)
	}
	return append(append(dst, '0'+byte(p.Type)), p.Data...)
}

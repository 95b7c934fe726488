package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxDigits bounds a run of digits, so that leading zeros are no way around a limit. MaxID has 16.
const maxDigits = 16

// Decode reads one packet: the data of an Engine.IO text message. Data aliases the input.
//
// Errors: ErrEmptyPacket, ErrUnknownType, ErrNotUTF8, ErrAttachments, ErrNamespace, ErrID, ErrPayload.
func Decode(data []byte) (Packet, error) {
	if len(data) == 0 {
		return Packet{}, ErrEmptyPacket
	}
	head, rest := data[0], data[1:]
	if head < '0' || head > '0'+byte(BinaryAck) {
		return Packet{}, fmt.Errorf("%w: 0x%02x", ErrUnknownType, head)
	}
	if !utf8.Valid(rest) {
		return Packet{}, ErrNotUTF8
	}
	p := Packet{Type: PacketType(head - '0')}
	rest, err := readAttachments(&p, rest)
	if err != nil {
		return Packet{}, err
	}
	if rest, err = readNamespace(&p, rest); err != nil {
		return Packet{}, err
	}
	if rest, err = readID(&p, rest); err != nil {
		return Packet{}, err
	}
	if !payloadFits(p.Type, rest) {
		return Packet{}, ErrPayload
	}
	if len(rest) > 0 {
		p.Data = rest
	}
	return p, nil
}

func readAttachments(p *Packet, data []byte) ([]byte, error) {
	if p.Type != BinaryEvent && p.Type != BinaryAck {
		return data, nil
	}
	n, digits, ok := readUint(data, MaxAttachments)
	if !ok || n == 0 || len(data) == digits || data[digits] != '-' {
		return nil, ErrAttachments
	}
	p.Attachments = int(n)
	return data[digits+1:], nil
}

func readNamespace(p *Packet, data []byte) ([]byte, error) {
	p.Namespace = Root
	if len(data) == 0 || data[0] != '/' {
		return data, nil
	}
	text, rest, _ := bytes.Cut(data, []byte{','})
	name, query, _ := bytes.Cut(text, []byte{'?'})
	if len(name) > MaxNamespace || len(query) > MaxQuery || bytes.ContainsFunc(text, isControl) {
		return nil, ErrNamespace
	}
	p.Namespace, p.Query = string(name), string(query)
	return rest, nil
}

// isControl holds for what has no place in a name and could, in the refusal that repeats it, end a polling record.
func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func readID(p *Packet, data []byte) ([]byte, error) {
	p.ID = NoID
	n, digits, ok := readUint(data, MaxID)
	if !ok {
		return nil, ErrID
	}
	if digits > 0 {
		p.ID = n
	}
	switch p.Type {
	case Event, BinaryEvent:
	case Ack, BinaryAck:
		ok = digits > 0
	default:
		ok = digits == 0
	}
	if !ok {
		return nil, ErrID
	}
	return data[digits:], nil
}

// readUint reads the digits that data starts with, and says how many there were; not ok if their number is above most.
func readUint(data []byte, most int64) (n int64, digits int, ok bool) {
	for digits < len(data) && data[digits] >= '0' && data[digits] <= '9' {
		n = n*10 + int64(data[digits]-'0')
		if digits++; n > most || digits > maxDigits {
			return 0, 0, false
		}
	}
	return n, digits, true
}

// payloadFits says whether data is what the table in the protocol's section "Exchange protocol" asks of the type.
func payloadFits(t PacketType, data []byte) bool {
	if len(data) == 0 {
		return t == Connect || t == Disconnect
	}
	switch first := data[0]; t {
	case Connect:
		return first == '{' && json.Valid(data)
	case ConnectError:
		return (first == '{' || first == '"') && json.Valid(data)
	case Disconnect:
		return false
	default:
		return first == '[' && json.Valid(data)
	}
}

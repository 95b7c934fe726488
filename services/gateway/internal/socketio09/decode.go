package socketio09

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"unicode/utf8"
)

// maxDigits bounds a run of digits, so that leading zeros are no way around a limit. MaxID has 16.
const maxDigits = 16

// Decode reads one packet. Data aliases the input.
//
// Errors: ErrPacket, ErrUnknownType, ErrID, ErrEndpoint, ErrNotUTF8.
func Decode(text []byte) (Packet, error) {
	if !utf8.Valid(text) {
		return Packet{}, ErrNotUTF8
	}
	head, rest, ok := bytes.Cut(text, []byte{':'})
	if !ok || len(head) == 0 {
		return Packet{}, ErrPacket
	}
	if len(head) > 1 || head[0] < '0' || head[0] > '0'+byte(Noop) {
		return Packet{}, fmt.Errorf("%w: %.8q", ErrUnknownType, head)
	}
	p := Packet{Type: PacketType(head[0] - '0'), ID: NoID}
	id, rest, ok := bytes.Cut(rest, []byte{':'})
	if !ok {
		return Packet{}, ErrPacket
	}
	if id = bytes.TrimSuffix(id, []byte{'+'}); len(id) > 0 { // the + asks for data in the ack, which is given anyway
		if p.ID, ok = readUint(id, MaxID); !ok {
			return Packet{}, ErrID
		}
	}
	endpoint, data, hasData := bytes.Cut(rest, []byte{':'})
	if hasData && len(data) > 0 {
		p.Data = data
	}
	return p, readEndpoint(&p, endpoint)
}

// readEndpoint reads what stands before the data. The query of a Connect stands behind it or, as the stock client writes it,
// in the data.
func readEndpoint(p *Packet, endpoint []byte) error {
	name, query, _ := bytes.Cut(endpoint, []byte{'?'})
	if p.Type == Connect && len(query) == 0 {
		query = bytes.TrimPrefix(p.Data, []byte{'?'})
	}
	if len(name) > MaxEndpoint || bytes.ContainsFunc(name, isControl) ||
		len(query) > MaxQuery || bytes.ContainsFunc(query, isControl) {
		return ErrEndpoint
	}
	p.Endpoint = string(name)
	if p.Type == Connect {
		p.Query = string(query)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// readUint reads a number that is digits and nothing else, and not above most.
func readUint(text []byte, most int64) (n int64, ok bool) {
	for _, c := range text {
		if n = n*10 + int64(c-'0'); c < '0' || c > '9' || n > most {
			return 0, false
		}
	}
	return n, len(text) > 0 && len(text) <= maxDigits
}

// DecodeEvent reads the data of an Event, `{"name":"join","args":[…]}`, and gives it as later protocols write it: a list with
// the name before the arguments.
//
// Errors: ErrEvent.
func DecodeEvent(data []byte) ([]byte, error) {
	var event struct {
		Name json.RawMessage `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if len(event.Name) == 0 || event.Name[0] != '"' {
		return nil, fmt.Errorf("%w: no name", ErrEvent)
	}
	list := append([]byte{'['}, event.Name...)
	switch {
	case len(event.Args) == 0 || string(event.Args) == "null":
	case event.Args[0] != '[':
		return nil, fmt.Errorf("%w: the arguments are no list", ErrEvent)
	default:
		if args := bytes.TrimSpace(event.Args[1 : len(event.Args)-1]); len(args) > 0 {
			list = append(append(list, ','), args...)
		}
	}
	return append(list, ']'), nil
}

// DecodeForm gives the payload in the form that a client of jsonp-polling posts: d is a JSON string, since browsers change
// the line ends of what is in a form.
//
// Errors: ErrForm.
func DecodeForm(body []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	var payload *string
	if err := json.Unmarshal([]byte(form.Get("d")), &payload); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if payload == nil {
		return nil, ErrForm
	}
	return []byte(*payload), nil
}

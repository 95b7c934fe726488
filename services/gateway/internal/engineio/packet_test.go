package engineio

import (
	"errors"
	"reflect"
	"testing"
)

// Frames as in the protocol document and as recorded from engine.io 6.6 and engine.io-client 6.6.
var frames = []struct {
	name  string
	frame string
	want  Packet
}{
	{"open", `0{"sid":"lv_VI97HAXpY6yYWAAAC"}`, Packet{Type: Open, Data: []byte(`{"sid":"lv_VI97HAXpY6yYWAAAC"}`)}},
	{"close", "1", Packet{Type: Close, Data: []byte{}}},
	{"ping", "2", Packet{Type: Ping, Data: []byte{}}},
	{"probe", "2probe", Packet{Type: Ping, Data: []byte(Probe)}},
	{"pong", "3", Packet{Type: Pong, Data: []byte{}}},
	{"probe answered", "3probe", Packet{Type: Pong, Data: []byte(Probe)}},
	{"message", "4hello", Packet{Type: Message, Data: []byte("hello")}},
	{"message without data", "4", Packet{Type: Message, Data: []byte{}}},
	{"message beyond ASCII", "4€ 😀", Packet{Type: Message, Data: []byte("€ 😀")}},
	{"upgrade", "5", Packet{Type: Upgrade, Data: []byte{}}},
	{"noop", "6", Packet{Type: Noop, Data: []byte{}}},
	{"socket.io connect", `40/stream,{"conn_id":"c1"}`, Packet{Type: Message, Data: []byte(`0/stream,{"conn_id":"c1"}`)}},
	{"base64", "bAQIDBA==", Packet{Type: Message, Binary: true, Data: []byte{1, 2, 3, 4}}},
	{"base64 of nothing", "b", Packet{Type: Message, Binary: true, Data: []byte{}}},
}

func TestTextFrames(t *testing.T) {
	t.Parallel()
	for _, tt := range frames {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeText([]byte(tt.frame))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("DecodeText(%q) = %+v, %v; want %+v", tt.frame, got, err, tt.want)
			}
			if out := AppendText([]byte("x"), tt.want); string(out) != "x"+tt.frame {
				t.Errorf("AppendText = %q, want it after x: %q", out, tt.frame)
			}
		})
	}
}

func TestDecodeTextAliasesFrame(t *testing.T) {
	t.Parallel()
	frame := []byte("4hello")
	p, err := DecodeText(frame)
	if err != nil || &p.Data[0] != &frame[1] {
		t.Errorf("data is a copy (err %v)", err)
	}
}

func TestDecodeTextRefuses(t *testing.T) {
	t.Parallel()
	for frame, want := range map[string]error{
		"":           ErrEmptyPacket,
		"7":          ErrUnknownType,
		"abc":        ErrUnknownType,
		"/":          ErrUnknownType,
		"\x04hello":  ErrUnknownType,
		"\x1e":       ErrUnknownType,
		"bAQIDBA":    ErrBadBase64,
		"bAQIDBA=":   ErrBadBase64,
		"b!!!!":      ErrBadBase64,
		"bAQID-_==":  ErrBadBase64,
		"bAQIDBA==x": ErrBadBase64,
		"4\xff":      ErrNotUTF8,
	} {
		if _, err := DecodeText([]byte(frame)); !errors.Is(err, want) {
			t.Errorf("DecodeText(%q) = %v, want %v", frame, err, want)
		}
	}
}

var payloads = []struct {
	body string
	want []Packet
}{
	{"40", []Packet{{Type: Message, Data: []byte("0")}}},
	{"4hello\x1e2\x1e4world", []Packet{
		{Type: Message, Data: []byte("hello")}, {Type: Ping, Data: []byte{}}, {Type: Message, Data: []byte("world")},
	}},
	{"4hello\x1ebAQIDBA==", []Packet{
		{Type: Message, Data: []byte("hello")}, {Type: Message, Binary: true, Data: []byte{1, 2, 3, 4}},
	}},
	{"42/stream,[\"x.y\",1,null,\"q\"]\x1e451-/stream,1[\"bin\",{\"_placeholder\":true,\"num\":0}]\x1ebAQIDBA==", []Packet{
		{Type: Message, Data: []byte(`2/stream,["x.y",1,null,"q"]`)},
		{Type: Message, Data: []byte(`51-/stream,1["bin",{"_placeholder":true,"num":0}]`)},
		{Type: Message, Binary: true, Data: []byte{1, 2, 3, 4}},
	}},
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	for _, tt := range payloads {
		got, err := DecodePayload([]byte(tt.body), len(tt.want))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("DecodePayload(%q) = %+v, %v; want %+v", tt.body, got, err, tt.want)
		}
		if out := AppendPayload([]byte("x"), tt.want...); string(out) != "x"+tt.body {
			t.Errorf("AppendPayload = %q, want it after x: %q", out, tt.body)
		}
	}
}

func TestDecodePayloadRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"":                     ErrEmptyPacket,
		"\x1e":                 ErrEmptyPacket,
		"4a\x1e":               ErrEmptyPacket,
		"\x1e4a":               ErrEmptyPacket,
		"4a\x1e\x1e4b":         ErrEmptyPacket,
		"4a\x1e9":              ErrUnknownType,
		"4a\x1eb*":             ErrBadBase64,
		"4a\x1e4\xc3":          ErrNotUTF8,
		"4a\x1e4a\x1e4a\x1e4a": ErrTooManyPackets,
	} {
		if p, err := DecodePayload([]byte(body), 3); !errors.Is(err, want) || p != nil {
			t.Errorf("DecodePayload(%q) = %v, %v; want %v", body, p, err, want)
		}
	}
}

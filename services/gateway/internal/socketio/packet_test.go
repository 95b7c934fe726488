package socketio

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// Packets of the protocol document's section "Packet encoding", and as recorded from socket.io 4.8 and its client.
var packets = []struct {
	name string
	wire string
	want Packet
}{
	{"connect", `0`, Packet{Type: Connect, Namespace: "/", ID: NoID}},
	{"connect answered", `0{"sid":"wZX3oN0bSVIhsaknAAAI"}`,
		Packet{Type: Connect, Namespace: "/", ID: NoID, Data: []byte(`{"sid":"wZX3oN0bSVIhsaknAAAI"}`)}},
	{"connect to a namespace", `0/admin,`, Packet{Type: Connect, Namespace: "/admin", ID: NoID}},
	{"connect with auth", `0/stream,{"conn_id":"c1"}`,
		Packet{Type: Connect, Namespace: "/stream", ID: NoID, Data: []byte(`{"conn_id":"c1"}`)}},
	{"connect with query", `0/stream?x=1&y=%2C,`, Packet{Type: Connect, Namespace: "/stream", Query: "x=1&y=%2C", ID: NoID}},
	{"connect with query and auth", `0/stream?x=1?,{}`,
		Packet{Type: Connect, Namespace: "/stream", Query: "x=1?", ID: NoID, Data: []byte(`{}`)}},
	{"connect error", `4{"message":"Not authorized"}`,
		Packet{Type: ConnectError, Namespace: "/", ID: NoID, Data: []byte(`{"message":"Not authorized"}`)}},
	{"connect error of a string", `4/admin,"no"`,
		Packet{Type: ConnectError, Namespace: "/admin", ID: NoID, Data: []byte(`"no"`)}},
	{"event", `2["foo"]`, Packet{Type: Event, Namespace: "/", ID: NoID, Data: []byte(`["foo"]`)}},
	{"event in a namespace", `2/admin,["bar"]`, Packet{Type: Event, Namespace: "/admin", ID: NoID, Data: []byte(`["bar"]`)}},
	{"event with id", `212["foo"]`, Packet{Type: Event, Namespace: "/", ID: 12, Data: []byte(`["foo"]`)}},
	{"event with id in a namespace", `2/stream,0["join",["a","é"]]`,
		Packet{Type: Event, Namespace: "/stream", ID: 0, Data: []byte(`["join",["a","é"]]`)}},
	{"ack", `312[]`, Packet{Type: Ack, Namespace: "/", ID: 12, Data: []byte(`[]`)}},
	{"ack in a namespace", `3/admin,13["bar"]`, Packet{Type: Ack, Namespace: "/admin", ID: 13, Data: []byte(`["bar"]`)}},
	{"binary event", `51-["baz",{"_placeholder":true,"num":0}]`,
		Packet{Type: BinaryEvent, Namespace: "/", ID: NoID, Attachments: 1, Data: []byte(`["baz",{"_placeholder":true,"num":0}]`)}},
	{"binary event in a namespace", `52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`,
		Packet{Type: BinaryEvent, Namespace: "/admin", ID: NoID, Attachments: 2,
			Data: []byte(`["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)}},
	{"binary event with id", `51-/stream,1["bin",{"_placeholder":true,"num":0}]`,
		Packet{Type: BinaryEvent, Namespace: "/stream", ID: 1, Attachments: 1, Data: []byte(`["bin",{"_placeholder":true,"num":0}]`)}},
	{"binary ack", `61-15["bar",{"_placeholder":true,"num":0}]`,
		Packet{Type: BinaryAck, Namespace: "/", ID: 15, Attachments: 1, Data: []byte(`["bar",{"_placeholder":true,"num":0}]`)}},
	{"disconnect", `1`, Packet{Type: Disconnect, Namespace: "/", ID: NoID}},
	{"disconnect from a namespace", `1/admin,`, Packet{Type: Disconnect, Namespace: "/admin", ID: NoID}},
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tt := range packets {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode([]byte(tt.wire))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Decode(%q) = %+v, %v; want %+v", tt.wire, got, err, tt.want)
			}
			if out := write(tt.want); out != tt.wire {
				t.Errorf("%+v is written as %q, want %q", tt.want, out, tt.wire)
			}
		})
	}
}

// write is the inverse of Decode; a server never has to send every kind of packet.
func write(p Packet) string {
	var s strings.Builder
	s.WriteByte('0' + byte(p.Type))
	if p.Attachments > 0 {
		s.WriteString(strconv.Itoa(p.Attachments) + "-")
	}
	if p.Namespace != Root || p.Query != "" {
		s.WriteString(p.Namespace)
		if p.Query != "" {
			s.WriteString("?" + p.Query)
		}
		s.WriteByte(',')
	}
	if p.ID != NoID {
		s.WriteString(strconv.FormatInt(p.ID, 10))
	}
	s.Write(p.Data)
	return s.String()
}

func TestDecodeTakesWhatTheStockParserTakes(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]Packet{
		`0/admin`:      {Type: Connect, Namespace: "/admin", ID: NoID}, // no comma at the end
		`0/,{}`:        {Type: Connect, Namespace: "/", ID: NoID, Data: []byte(`{}`)},
		`2007["a"]`:    {Type: Event, Namespace: "/", ID: 7, Data: []byte(`["a"]`)},
		`2[ "a" , 1 ]`: {Type: Event, Namespace: "/", ID: NoID, Data: []byte(`[ "a" , 1 ]`)},
	} {
		if got, err := Decode([]byte(wire)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Decode(%q) = %+v, %v; want %+v", wire, got, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]error{
		``:                    ErrEmptyPacket,
		`7`:                   ErrUnknownType,
		`x`:                   ErrUnknownType,
		`/stream,`:            ErrUnknownType,
		`5["a"]`:              ErrAttachments,
		`5-["a"]`:             ErrAttachments,
		`50-["a"]`:            ErrAttachments,
		`51`:                  ErrAttachments,
		`51["a"]`:             ErrAttachments,
		`511-["a"]`:           ErrAttachments,
		`51.5-["a"]`:          ErrAttachments,
		`6a-0[]`:              ErrAttachments,
		"0/a\x1f,":            ErrNamespace,
		"0/a?\x7f,":           ErrNamespace,
		`3[]`:                 ErrID,
		`61-[]`:               ErrID,
		`05`:                  ErrID,
		`15`:                  ErrID,
		`45{"message":"a"}`:   ErrID,
		`0[]`:                 ErrPayload,
		`0null`:               ErrPayload,
		`0"a"`:                ErrPayload,
		`0{`:                  ErrPayload,
		`0{}{}`:               ErrPayload,
		`0 {}`:                ErrPayload,
		`1{}`:                 ErrPayload,
		`1/a,[]`:              ErrPayload,
		`2`:                   ErrPayload,
		`2{}`:                 ErrPayload,
		`2["a"`:               ErrPayload,
		`2["a",]`:             ErrPayload,
		`2/stream["a"]`:       ErrPayload, // read as a namespace, like the stock parser does
		`31`:                  ErrPayload,
		`31{}`:                ErrPayload,
		`4`:                   ErrPayload,
		`4[]`:                 ErrPayload,
		`2-1["a"]`:            ErrPayload,
		`21.5["a"]`:           ErrPayload,
		"2[\"\xff\"]":         ErrNotUTF8,
		"0/\xff,":             ErrNotUTF8,
		`29007199254740992[]`: ErrID,
	} {
		if _, err := Decode([]byte(wire)); !errors.Is(err, want) {
			t.Errorf("Decode(%q) = %v, want %v", wire, err, want)
		}
	}
}

func raw(args ...string) []json.RawMessage {
	list := make([]json.RawMessage, len(args))
	for i, arg := range args {
		list[i] = json.RawMessage(arg)
	}
	return list
}

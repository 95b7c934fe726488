package socketio

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzDecode(f *testing.F) {
	for _, tt := range packets {
		f.Add([]byte(tt.wire))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		checkPacket(t, p)
		again, err := Decode([]byte(write(p)))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q: %+v became %+v, %v", data, p, again, err)
		}
	})
}

func checkPacket(t *testing.T, p Packet) {
	t.Helper()
	binary := p.Type == BinaryEvent || p.Type == BinaryAck
	switch {
	case p.Type > BinaryAck,
		p.ID < NoID || p.ID > MaxID,
		binary != (p.Attachments > 0) || p.Attachments > MaxAttachments,
		p.Namespace[0] != '/' || len(p.Namespace) > MaxNamespace || strings.ContainsAny(p.Namespace, ",?\x00\x1e"),
		p.Data != nil && !json.Valid(p.Data):
		t.Errorf("bad packet %+v", p)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, tt := range events {
		f.Add([]byte(tt.data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name, args, err := DecodeEvent(data)
		if err != nil {
			return
		}
		var whole []json.RawMessage
		if err := json.Unmarshal(data, &whole); err != nil || len(whole) != len(args)+1 {
			t.Fatalf("%q: %d arguments; the standard library finds %d values, %v", data, len(args), len(whole), err)
		}
		for i, arg := range args {
			if !bytes.Equal(arg, whole[i+1]) {
				t.Errorf("%q: argument %d is %q, want %q", data, i, arg, whole[i+1])
			}
		}
		if !utf8.Valid(data) {
			return // Decode refuses it; DecodeEvent leaves it to the standard library
		}
		wire := AppendEvent(nil, "/stream", name, args...)
		p, err := Decode(wire)
		if err != nil {
			t.Fatalf("%q: written as %q: %v", data, wire, err)
		}
		name2, args2, err := DecodeEvent(p.Data)
		if err != nil || name2 != name || len(args2) != len(args) {
			t.Errorf("%q: %q %q became %q %q, %v", data, name, args, name2, args2, err)
		}
	})
}

func FuzzAppendConnectError(f *testing.F) {
	f.Add("/stream", "Invalid namespace")
	f.Add("/a\x1e", "\x00\"\\\xff")
	f.Fuzz(func(t *testing.T, ns, message string) {
		asked, err := Decode([]byte("0" + ns + ","))
		if err != nil {
			return
		}
		p, err := Decode(AppendConnectError(nil, asked.Namespace, message, nil))
		if err != nil || p.Namespace != asked.Namespace {
			t.Fatalf("%q, %q: %+v, %v", ns, message, p, err)
		}
		var data struct{ Message string }
		if err := json.Unmarshal(p.Data, &data); err != nil || data.Message != string([]rune(message)) { // each bad byte is U+FFFD
			t.Errorf("%q became %q, %v", message, data.Message, err)
		}
	})
}

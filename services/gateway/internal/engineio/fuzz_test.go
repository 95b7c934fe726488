package engineio

import (
	"bytes"
	"reflect"
	"testing"
	"unicode/utf8"
)

func FuzzDecodeText(f *testing.F) {
	for _, tt := range frames {
		f.Add([]byte(tt.frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		p, err := DecodeText(frame)
		if err != nil {
			return
		}
		checkPacket(t, p)
		again, err := DecodeText(AppendText(nil, p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q: %+v became %+v, %v", frame, p, again, err)
		}
		if !p.Binary && !bytes.Equal(AppendText(nil, p), frame) {
			t.Errorf("%q is written as %q", frame, AppendText(nil, p))
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	for _, tt := range payloads {
		f.Add([]byte(tt.body))
	}
	f.Add([]byte("4a\x1e\x1e4b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 8
		packets, err := DecodePayload(body, most)
		if err != nil {
			return
		}
		if len(packets) == 0 || len(packets) > most {
			t.Fatalf("%q: %d packets", body, len(packets))
		}
		for _, p := range packets {
			checkPacket(t, p)
		}
		again, err := DecodePayload(AppendPayload(nil, packets...), most)
		if err != nil || !reflect.DeepEqual(again, packets) {
			t.Errorf("%q: %+v became %+v, %v", body, packets, again, err)
		}
	})
}

func checkPacket(t *testing.T, p Packet) {
	t.Helper()
	if p.Type > Noop || p.Binary && p.Type != Message || !p.Binary && !utf8.Valid(p.Data) {
		t.Errorf("bad packet %+v", p)
	}
}

package socketio09

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func FuzzDecodePayload(f *testing.F) {
	for _, s := range golden(f) {
		if payload, ok := s.payload(); ok {
			f.Add(payload)
		}
	}
	for _, tt := range packets {
		f.Add(AppendFramed(AppendFramed(nil, []byte(tt.wire)), []byte(tt.wire)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 5
		read, err := DecodePayload(body, most)
		if err != nil {
			return
		}
		if len(read) == 0 || len(read) > most {
			t.Errorf("%q: %d packets", body, len(read))
		}
		for _, p := range read {
			if p.Type > Noop || p.ID < NoID || p.ID > MaxID || len(p.Endpoint) > MaxEndpoint || len(p.Query) > MaxQuery ||
				!utf8.Valid(p.Data) || bytes.ContainsFunc([]byte(p.Endpoint), isControl) {
				t.Errorf("%q: bad packet %+v", body, p)
			}
		}
	})
}

func FuzzFramesComeBackAsTheyWere(f *testing.F) {
	f.Add("8::", "3:::🎉\ufffd3\ufffd")
	f.Fuzz(func(t *testing.T, one, other string) {
		if !utf8.ValidString(one) || !utf8.ValidString(other) {
			return
		}
		if got := units([]byte(one)); got != len(utf16.Encode([]rune(one))) {
			t.Errorf("%q has %d units", one, got)
		}
		first, rest, err := cut(AppendFramed(AppendFramed(nil, []byte(one)), []byte(other)))
		if err != nil || string(first) != one {
			t.Fatalf("%q became %q, %v", one, first, err)
		}
		if second := Payload(rest); string(second) != other {
			t.Errorf("%q became %q", other, second)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"name":"join","args":[["a"],{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := DecodeEvent(data); err == nil && (!json.Valid(list) || list[0] != '[' || list[1] != '"') {
			t.Errorf("%q became %q", data, list)
		}
	})
}

func FuzzDecodeForm(f *testing.F) {
	f.Add([]byte("d=%222%3A%3A%22"))
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := DecodeForm(body)
		if err == nil && len(payload) > 3*len(body) { // a byte that is not UTF-8 becomes three
			t.Errorf("%d bytes became %d", len(body), len(payload))
		}
	})
}

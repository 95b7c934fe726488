package socketio

import (
	"errors"
	"strings"
	"testing"
)

const million = 1_000_000

func refused(t *testing.T, wire string, want error) {
	t.Helper()
	_, err := Decode([]byte(wire))
	if !errors.Is(err, want) {
		t.Errorf("%.40q (%d bytes): got %v, want %v", wire, len(wire), err, want)
	}
	if err != nil && len(err.Error()) > 100 {
		t.Errorf("%.40q: error of %d bytes", wire, len(err.Error()))
	}
}

func TestHugeAckID(t *testing.T) {
	t.Parallel()
	refused(t, `2`+strings.Repeat("9", million)+`["a"]`, ErrID)
	refused(t, `29007199254740992["a"]`, ErrID)     // MaxID + 1
	refused(t, `218446744073709551616["a"]`, ErrID) // 2^64
	refused(t, `218446744073709551617["a"]`, ErrID) // 2^64 + 1: wraps to 1
	refused(t, `3/s,99999999999999999999[]`, ErrID)
	if p, err := Decode([]byte(`29007199254740991["a"]`)); err != nil || p.ID != MaxID {
		t.Errorf("MaxID: %+v, %v", p, err)
	}
}

func TestLeadingZerosAreBounded(t *testing.T) {
	t.Parallel()
	refused(t, `2`+strings.Repeat("0", million)+`["a"]`, ErrID)
	refused(t, `5`+strings.Repeat("0", million)+`1-["a"]`, ErrAttachments)
}

func TestNegativeAckID(t *testing.T) {
	t.Parallel()
	refused(t, `2-1["a"]`, ErrPayload)
	refused(t, `3-1[]`, ErrID)
}

func TestNegativeAttachments(t *testing.T) {
	t.Parallel()
	refused(t, `5-1-["a"]`, ErrAttachments)
	refused(t, `5--1-["a"]`, ErrAttachments)
}

func TestAttachmentCountOverflow(t *testing.T) {
	t.Parallel()
	refused(t, `518446744073709551617-["a"]`, ErrAttachments) // 2^64 + 1
	refused(t, `54294967297-["a"]`, ErrAttachments)           // 2^32 + 1
	refused(t, `511-["a"]`, ErrAttachments)
	refused(t, `5`+strings.Repeat("9", million)+`-["a"]`, ErrAttachments)
	if p, err := Decode([]byte(`510-["a"]`)); err != nil || p.Attachments != MaxAttachments {
		t.Errorf("MaxAttachments: %+v, %v", p, err)
	}
}

func TestAttachmentsWithoutEnd(t *testing.T) {
	t.Parallel()
	refused(t, `51`, ErrAttachments)
	refused(t, `51`+strings.Repeat(" ", million), ErrAttachments)
}

func TestLongNamespace(t *testing.T) {
	t.Parallel()
	refused(t, `0/`+strings.Repeat("a", MaxNamespace), ErrNamespace)
	refused(t, `0/`+strings.Repeat("a", million)+`,{}`, ErrNamespace)
	refused(t, `0/`+strings.Repeat("/", million), ErrNamespace)
	if _, err := Decode([]byte(`0/` + strings.Repeat("a", MaxNamespace-1) + `,`)); err != nil {
		t.Errorf("longest namespace: %v", err)
	}
}

func TestLongQuery(t *testing.T) {
	t.Parallel()
	refused(t, `0/a?`+strings.Repeat("q", MaxQuery+1)+`,`, ErrNamespace)
	refused(t, `0/a?`+strings.Repeat("?", million), ErrNamespace)
	if _, err := Decode([]byte(`0/a?` + strings.Repeat("q", MaxQuery) + `,`)); err != nil {
		t.Errorf("longest query: %v", err)
	}
}

func TestNULAndControlBytes(t *testing.T) {
	t.Parallel()
	refused(t, "\x00", ErrUnknownType)
	refused(t, "0\x00", ErrPayload)
	refused(t, "0/a\x00b,", ErrNamespace)
	refused(t, "0/a\x1e40,", ErrNamespace) // would end a polling record when the refusal repeats the name
	refused(t, "0/a?b\nc,", ErrNamespace)
	refused(t, "2[\"a\x00\"]", ErrPayload)
	refused(t, "2[\"a\"]\x00", ErrPayload)
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"} {
		refused(t, "0/"+bad+",", ErrNotUTF8)
		refused(t, `2["a","`+bad+`"]`, ErrNotUTF8)
	}
}

func TestDeepNesting(t *testing.T) {
	t.Parallel()
	refused(t, `2`+strings.Repeat("[", million), ErrPayload)
	refused(t, `2["a",`+strings.Repeat("[", million)+strings.Repeat("]", million)+`]`, ErrPayload)
	refused(t, `0`+strings.Repeat(`{"a":`, million)+`1`+strings.Repeat("}", million), ErrPayload)
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	if _, args, err := DecodeEvent([]byte(`["a",` + deep + `]`)); err != nil || string(args[0]) != deep {
		t.Errorf("5,000 deep: %v", err)
	}
}

func TestMillionArguments(t *testing.T) {
	t.Parallel()
	if _, _, err := DecodeEvent([]byte(`["a"` + strings.Repeat(",1", million) + `]`)); !errors.Is(err, ErrTooManyArgs) {
		t.Errorf("err %v", err)
	}
	if _, _, err := DecodeEvent([]byte(`["a"` + strings.Repeat(",1", MaxArgs+1) + `]`)); !errors.Is(err, ErrTooManyArgs) {
		t.Errorf("one too many: err %v", err)
	}
	if _, args, err := DecodeEvent([]byte(`["a"` + strings.Repeat(",1", MaxArgs) + `]`)); err != nil || len(args) != MaxArgs {
		t.Errorf("MaxArgs: %d arguments, %v", len(args), err)
	}
}

func TestMillionSpaces(t *testing.T) {
	t.Parallel()
	space := strings.Repeat(" \t\r\n", million/4)
	name, args, err := DecodeEvent([]byte("[" + space + `"a"` + space + "," + space + "1" + space + "]" + space))
	if err != nil || name != "a" || len(args) != 1 || string(args[0]) != "1" {
		t.Errorf("%q, %q, %v", name, args, err)
	}
}

func TestReservedNameInEscapes(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`["\u0064isconnect"]`, `[ "disc\u006fnnect" ]`, `["new\u004cistener",1]`} {
		if _, _, err := DecodeEvent([]byte(data)); !errors.Is(err, ErrReservedEvent) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestEveryOtherFirstByteIsRefused(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		_, err := Decode([]byte{byte(c)})
		if known := c >= '0' && c <= '6'; errors.Is(err, ErrUnknownType) == known {
			t.Errorf("first byte 0x%02x: err %v", c, err)
		}
	}
}

func TestEveryCutOfAPacketIsHarmless(t *testing.T) {
	t.Parallel()
	for _, tt := range packets {
		for i := range tt.wire {
			if p, err := Decode([]byte(tt.wire[:i])); err == nil {
				checkPacket(t, p)
			}
			_, _, _ = DecodeEvent([]byte(tt.wire[i:]))
		}
	}
}

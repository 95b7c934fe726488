package engineio

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
)

const million = 1_000_000

// Not parallel: it reads what the whole process allocates.
func TestMillionEmptyPacketsAreCountedNotMade(t *testing.T) {
	body := bytes.Repeat([]byte{Separator}, million)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DecodePayload(body, 1000)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTooManyPackets) || grown > million {
		t.Errorf("err %v, %d bytes allocated", err, grown)
	}
}

func TestMillionSmallPacketsAreRefused(t *testing.T) {
	t.Parallel()
	body := []byte(strings.Repeat("2\x1e", million) + "2")
	if _, err := DecodePayload(body, million); !errors.Is(err, ErrTooManyPackets) {
		t.Errorf("err %v", err)
	}
}

func TestNoPacketsAllowedIsNoPanic(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, -1} {
		if _, err := DecodePayload([]byte("4a"), most); !errors.Is(err, ErrTooManyPackets) {
			t.Errorf("at most %d: err %v", most, err)
		}
	}
}

func TestBadPacketHidesTheGoodOnesBeforeIt(t *testing.T) {
	t.Parallel()
	if p, err := DecodePayload([]byte("4good\x1e9bad"), 10); p != nil || err == nil {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestInvalidUTF8IsRefusedInEveryTextPacket(t *testing.T) {
	t.Parallel()
	for head := byte('0'); head <= '6'; head++ {
		for _, tail := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"} {
			if _, err := DecodeText(append([]byte{head}, tail...)); !errors.Is(err, ErrNotUTF8) {
				t.Errorf("%c%q: err %v", head, tail, err)
			}
		}
	}
}

func TestNULBytesAreData(t *testing.T) {
	t.Parallel()
	p, err := DecodeText([]byte("4a\x00b"))
	if err != nil || string(p.Data) != "a\x00b" {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := DecodeText([]byte{0}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("NUL as type: err %v", err)
	}
}

func TestEveryOtherFirstByteIsRefused(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		known := c >= '0' && c <= '6' || c == 'b'
		if _, err := DecodeText([]byte{byte(c)}); (err == nil) != known {
			t.Errorf("first byte 0x%02x: err %v", c, err)
		}
	}
}

func TestHalfAMegabyteOfBadBase64(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"=", "\x00", "é", "A==A"} {
		frame := []byte("b" + strings.Repeat("A", million/2) + tail)
		if _, err := DecodeText(frame); !errors.Is(err, ErrBadBase64) {
			t.Errorf("tail %q: err %v", tail, err)
		}
	}
}

func TestBase64LeavesTheInputAlone(t *testing.T) {
	t.Parallel()
	frame := []byte("bAQIDBA==")
	p, err := DecodeText(frame)
	if err != nil {
		t.Fatal(err)
	}
	clear(p.Data)
	if string(frame) != "bAQIDBA==" {
		t.Errorf("frame is now %q", frame)
	}
}

func TestErrorsDoNotRepeatTheInput(t *testing.T) {
	t.Parallel()
	_, err := DecodePayload([]byte(strings.Repeat("x", million)), 1)
	if err == nil || len(err.Error()) > 100 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

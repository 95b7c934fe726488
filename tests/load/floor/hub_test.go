package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

func encode(channel, body string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(1+len(channel)+len(body)))
	return append(append(append(out, byte(len(channel))), channel...), body...)
}

func TestSplitTakesWholeMessagesAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	whole := slices.Concat(encode("a", `"1"`), encode("bench0", `{"x":2}`), encode("a", ""))
	want := []message{{"a", []byte(`"1"`)}, {"bench0", []byte(`{"x":2}`)}, {"a", []byte{}}}
	for cut := range len(encode("a", `"next"`)) {
		tail := encode("a", `"next"`)[:cut]
		batch, rest, err := split(nil, slices.Concat(whole, tail))
		equal := slices.EqualFunc(batch, want, func(a, b message) bool { return a.channel == b.channel && bytes.Equal(a.body, b.body) })
		if err != nil || !equal || !bytes.Equal(rest, tail) {
			t.Errorf("%d bytes more: got %v, %q, %v", cut, batch, rest, err)
		}
	}
}

func TestSplitRefusesWhatCanNotBe(t *testing.T) {
	t.Parallel()
	for name, in := range map[string][]byte{
		"empty":                       {0, 0, 0, 0},
		"too large":                   {0xff, 0, 0, 0, 1},
		"a name longer than the rest": {0, 0, 0, 2, 5, 'a'},
	} {
		if _, _, err := split(nil, in); !errors.Is(err, errMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(slices.Concat(encode("a", "1"), encode("b", "2")))
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, rest, _ := split(nil, in)
		again := []byte{}
		for _, m := range batch {
			again = append(again, encode(m.channel, string(m.body))...)
		}
		if again = append(again, rest...); !bytes.Equal(again, in) {
			t.Fatalf("got % x, want % x", again, in)
		}
	})
}

func TestPutHeaderWritesEveryLengthForm(t *testing.T) {
	t.Parallel()
	for length, want := range map[int][]byte{
		2:     {0x81, 2},
		125:   {0x81, 125},
		126:   {0x81, 126, 0, 126},
		65535: {0x81, 126, 0xff, 0xff},
		65536: {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		frame := make([]byte, frameHeader+length)
		if start := putHeader(frame); !bytes.Equal(frame[start:frameHeader], want) {
			t.Errorf("%d: got % x, want % x", length, frame[start:frameHeader], want)
		}
	}
}

// The example of RFC 6455 §1.3.
func TestAccept(t *testing.T) {
	t.Parallel()
	if got := accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
}

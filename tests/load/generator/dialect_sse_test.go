package generator

import (
	"bytes"
	"errors"
	"testing"
)

func TestNextEventTakesTheCommentsBeforeIt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"retry: 2345\n\nid: 1\n":        "retry: 2345",
		":\n:\nid: 1\ndata: [1]\n\n:\n": ":\n:\nid: 1\ndata: [1]",
	} {
		if f, err := nextEvent([]byte(in)); err != nil || f.opcode != opText || string(f.payload) != want || f.size != len(want)+2 {
			t.Errorf("%q: got %q of %d bytes, %v", in, f.payload, f.size, err)
		}
	}
}

func TestNextEventWaitsForAWholeOne(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", ":\n", "id: 1\ndata: []\n"} {
		if f, err := nextEvent([]byte(in)); err != nil || f.size != 0 {
			t.Errorf("%q: size %d, %v", in, f.size, err)
		}
	}
	if _, err := nextEvent(bytes.Repeat([]byte("x"), readBuffer)); !errors.Is(err, errTooLarge) {
		t.Errorf("without an end: got %v", err)
	}
}

func FuzzNextEvent(f *testing.F) {
	f.Add([]byte(":\nid: 1\nevent: message\ndata: []\n\nid: 2"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := nextEvent(in)
		if got.size > len(in) || got.size > 0 && len(got.payload)+2 != got.size || err != nil && got.size != 0 {
			t.Fatalf("%d bytes in: size %d, payload %d, %v", len(in), got.size, len(got.payload), err)
		}
	})
}

package generator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// serverFrame builds a frame by the book, independently of the code under test.
func serverFrame(opcode byte, payload []byte) []byte {
	out := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		out = append(out, byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
	}
	return append(out, payload...)
}

func TestNextFrameReadsEveryLengthForm(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 300000} {
		payload := bytes.Repeat([]byte("p"), n)
		stream := append(serverFrame(opText, payload), "next"...)
		f, err := nextFrame(stream)
		if err != nil || f.opcode != opText || !bytes.Equal(f.payload, payload) || f.size != len(stream)-4 {
			t.Errorf("length %d: opcode %d, %d bytes of payload, size %d, %v", n, f.opcode, len(f.payload), f.size, err)
		}
	}
}

func TestNextFrameWaitsForAWholeOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 5, 200, 70000} {
		whole := serverFrame(opText, bytes.Repeat([]byte("p"), n))
		for cut := range min(len(whole), 300) {
			if f, err := nextFrame(whole[:cut]); f.size != 0 || err != nil {
				t.Fatalf("%d of %d bytes: size %d, %v", cut, len(whole), f.size, err)
			}
		}
	}
}

func TestNextFrameRefusesWhatAServerMustNotSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"masked":       {appendClientFrame(nil, opText, []byte("x")), errMasked},
		"not final":    {[]byte{opText, 1, 'x'}, errFragmented},
		"continuation": {[]byte{0x80, 1, 'x'}, errFragmented},
		"compressed":   {[]byte{0xC1, 1, 'x'}, errFragmented},
		"huge":         {[]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, errTooLarge},
	} {
		if _, err := nextFrame(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestClientFrameIsMasked(t *testing.T) {
	t.Parallel()
	got := appendClientFrame(nil, opPong, []byte("hi"))
	if want := []byte{0x8A, 0x82, 0, 0, 0, 0, 'h', 'i'}; !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func FuzzNextFrame(f *testing.F) {
	f.Add(serverFrame(opText, []byte("hello")))
	f.Add(serverFrame(opPing, make([]byte, 130)))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := nextFrame(in)
		if got.size > len(in) || len(got.payload) > got.size || err != nil && got.size != 0 {
			t.Fatalf("%d bytes in: size %d, payload %d, %v", len(in), got.size, len(got.payload), err)
		}
	})
}

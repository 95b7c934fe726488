package frame_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// inflate reads the message of a compressed text frame of less than 64 KiB as RFC 7692 section 7.2.2 says, and gives
// what is behind the frame.
func inflate(t *testing.T, f []byte) (message string, rest []byte) {
	t.Helper()
	if f[0] != 0xC1 {
		t.Fatalf("first byte %#x: RSV1 is not set on a whole text message", f[0])
	}
	size, at := int(f[1]), 2
	if size == 126 {
		size, at = int(f[2])<<8|int(f[3]), 4
	}
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	plain, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(f[at:at+size]), tail)))
	if err != nil {
		t.Fatal(err)
	}
	return string(plain), f[at+size:]
}

var long = []byte(`{"text":"` + strings.Repeat("again and ", 100) + `"}`)

func TestACompressedListUnpacksToTheSameList(t *testing.T) {
	t.Parallel()
	var z frame.Deflater
	for range 3 { // each frame stands for itself
		var l frame.List
		l.Add(frame.Message{Body: long})
		l.Add(frame.Message{Body: []byte(`{"n":2}`)})
		f := l.Bytes(frame.PlainDeflated, &z)
		message, rest := inflate(t, f)
		if message != "["+string(long)+`,{"n":2}]` || len(rest) > 0 {
			t.Errorf("unpacked to %.40q and %d bytes", message, len(rest))
		}
		if len(f) > len(long)/4 {
			t.Errorf("%d bytes became %d", len(long), len(f))
		}
	}
}

func TestBothNamespacesGetACompressedFrameEach(t *testing.T) {
	t.Parallel()
	var z frame.Deflater
	var l frame.List
	l.Add(frame.Message{Body: long})
	root, rest := inflate(t, l.Bytes(frame.SocketBothDeflated, &z))
	stream, rest := inflate(t, rest)
	if root != `42["message",[`+string(long)+`]]` || stream != `42/stream,["message",[`+string(long)+`]]` || len(rest) > 0 {
		t.Errorf("got %.30q, %.30q and %d bytes", root, stream, len(rest))
	}
}

func TestAShortMessageIsNotCompressed(t *testing.T) {
	t.Parallel()
	var z frame.Deflater
	var l frame.List
	l.Add(frame.Message{Body: []byte(`{}`)})
	if !bytes.Equal(l.Bytes(frame.PlainDeflated, &z), l.Bytes(frame.Plain, &z)) {
		t.Errorf("got %q", l.Bytes(frame.PlainDeflated, &z))
	}
}

func TestACompressedFrameIsMadeOnce(t *testing.T) {
	t.Parallel()
	var z frame.Deflater
	var l frame.List
	l.Add(frame.Message{Body: long})
	first, second := l.Bytes(frame.PlainDeflated, &z), l.Bytes(frame.PlainDeflated, &z)
	if &first[0] != &second[0] {
		t.Error("the second receiver's frame is another one")
	}
}

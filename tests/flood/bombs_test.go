package flood

import (
	"bytes"
	"compress/flate"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

// bomb is a compressed message as large as a client may send, that unpacks to a thousand times as much.
func bomb(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for packed.Len() < 60<<10 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 64<<10 {
		t.Fatalf("the bomb has %d bytes", packed.Len())
	}
	return appendFrame(nil, flagFinal|flagCompressed|opText, packed.Bytes()[:packed.Len()-4]) // RFC 7692 section 7.2.1
}

func bombs(t *testing.T, paths []string) attack {
	t.Helper()
	return attack{
		order:  order{Program: "pour", Paths: paths, First: bomb(t), Units: 1, Read: true, Deflate: true, Again: true},
		memory: fewMegabytes, least: 10,
	}
}

func TestCompressionBombs(t *testing.T) {
	s := newServer(t, harness.Setting("COMPRESSION", true))
	r := withstand(t, s, bombs(t, s.plain(3, "news")))
	if r.Ends["1009 too_large"] == 0 {
		t.Error("no bomb was refused")
	}
}

func TestCompressionBombsBeforeAnyCredentials(t *testing.T) {
	s := newServer(t, harness.Setting("COMPRESSION", true))
	r := withstand(t, s, bombs(t, slices.Repeat([]string{socketIOPath}, 3)))
	if r.Ends["1009 too_large"] == 0 {
		t.Error("no bomb was refused")
	}
}
